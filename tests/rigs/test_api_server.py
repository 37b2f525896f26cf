from __future__ import annotations

from tests.rigs.api_server import api_server


def test_a_server_of_one_file_leaves_that_of_a_folder_as_it_was() -> None:
    from airflow.api_fastapi.app import get_auth_manager

    with api_server("core"):
        manager = get_auth_manager()
        with api_server("core"):
            assert get_auth_manager() is not manager
        assert get_auth_manager() is manager
