"""Real programs as children: mongod, redis-server and a llama.cpp server."""
