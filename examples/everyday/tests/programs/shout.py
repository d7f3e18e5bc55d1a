"""Answers each datagram with the same text in capitals."""

import socket

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 9999))
print("listening", flush=True)
while True:
    text, sender = server.recvfrom(1024)
    server.sendto(text.upper(), sender)
