"""The command ``airflow docflow``."""
