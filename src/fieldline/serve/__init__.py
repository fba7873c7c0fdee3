"""The server: the embedded store to browsers, Grafana, Telegraf, Prometheus and scripts, by protocols that they know.

context.py  what every part is handed
app.py      the parts as one application
run.py      the application on a port
limits.py   what a request may cost, and where it may come from
keys.py     who may read and write
replies.py  what all parts answer with: errors, JSON
squeeze.py  answers as gzip
query.py    InfluxQL, as Grafana and the influx shell ask it
write.py    line protocol, as Telegraf and the InfluxDB clients send it
rest.py     JSON and files for scripts
metrics.py  the latest values for Prometheus
live.py     the latest values to browsers, by Socket.IO
panels.py   what the page draws
page/       the page itself
"""
