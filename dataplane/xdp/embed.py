"""Prints compiled BPF objects as a C header: embed.py NAME FILE [NAME FILE]..."""
import sys

print("/* Made by dataplane/xdp/embed.py from the compiled programs. */")
for name, path in zip(sys.argv[1::2], sys.argv[2::2]):
    data = open(path, "rb").read()
    print(f"static const unsigned char {name}[] __attribute__((aligned(8))) = {{")
    for at in range(0, len(data), 24):
        print(",".join(str(byte) for byte in data[at : at + 24]) + ",")
    print("};")
