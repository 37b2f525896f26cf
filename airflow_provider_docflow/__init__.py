"""Business documents, written once, across OA, ERP, CRM and finance systems from Apache Airflow."""

__version__ = "0.1.0"
