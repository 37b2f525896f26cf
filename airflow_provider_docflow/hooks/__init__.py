"""Where protocol logic meets the network: the doors and the Airflow hook."""
