"""The server: the embedded store to browsers, Grafana, Telegraf, Prometheus and scripts, by the protocols that they know.

context.py  what every part is handed
app.py      the parts as one application, with its limits
keys.py     who may read and write
query.py    InfluxQL, as Grafana and the influx shell ask it
write.py    line protocol, as Telegraf and the InfluxDB clients send it
rest.py     JSON and files for scripts
metrics.py  the latest values for Prometheus
live.py     the latest values to browsers, by Socket.IO
panels.py   what the page draws
page/       the page itself
"""
