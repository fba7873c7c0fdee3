"""What must not be in git: copy this file to secret.py, which git ignores, and fill in what you have.

Empty means not set. config/*.yaml may hold the addresses as well; what is set here wins over them, and the environment
(INFLUXDB_URL, INFLUXDB_ORG, INFLUXDB_TOKEN, INFLUXDB_PROXY_LOGIN, GRAFANA_URL, GRAFANA_TOKEN) wins over both.
"""


class Secret:
    """Each value stands in quotes: token = "8vK...=="."""

    # InfluxDB, only when config/site.yaml says `store: influxdb`
    url = ""  # "https://eu-central-1-1.aws.cloud2.influxdata.com"
    org = ""  # organization: its name, or its number
    token = ""  # InfluxDB: Load Data, API Tokens; it must be allowed to write, and for new-db to make buckets
    proxy_login = ""  # "name:password", only where the proxy of config/site.yaml (influxdb.proxy) asks for it

    # Grafana, only to send dashboards to it
    grafana_url = ""  # "https://yourname.grafana.net"
    grafana_token = ""  # Grafana: Administration, Service accounts; role Admin (an Editor may not make data sources)
