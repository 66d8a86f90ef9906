"""Apache Kafka itself, as one KRaft node on loopback: the authority on what a broker does.

Its jars come from Maven Central once (`pom.xml` names them) and need Java 17 or newer.
"""
