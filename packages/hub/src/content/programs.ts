/** Bytes at the beginning of a file, as hex; `..` stands for any byte. */
const HEADS: readonly (readonly [string, string])[] = [
  ['a program of Linux', '7f454c46'],
  ['a program of macOS', 'cffaedfe'],
  ['a program of macOS', 'cefaedfe'],
  ['a program of macOS', 'feedfacf'],
  ['a program of macOS', 'feedface'],
  ['a program of macOS or Java', 'cafebabe'],
  ['WebAssembly', '0061736d01'],
  ['bitcode of LLVM', '4243c0de'],
  ['a script', '2321'],
  ['an archive, such as a pickle of PyTorch', '504b0304'],
  ['a compressed file', '1f8b08'],
];

/** Opcodes with which a pickle goes on after its version: a mark, a container, a text, a number, a global, or a frame. */
const PICKLE_OPCODES: ReadonlySet<number> = new Set([0x28, 0x4b, 0x58, 0x5d, 0x63, 0x7d, 0x8a, 0x8c, 0x95]);

/** Returns the kind of program that a file begins as; undefined if it begins as none. @param head first bytes, 1 KiB or the whole file. */
export function findProgram(head: Uint8Array): string | undefined {
  const hex = Buffer.from(head.subarray(0, 8)).toString('hex');
  const known = HEADS.find(([, magic]) => hex.startsWith(magic));
  if (known !== undefined) return known[0];
  const [first = 0, version = 0, opcode = -1] = head;
  if (first === 0x80 && version >= 2 && version <= 5 && PICKLE_OPCODES.has(opcode)) return 'a pickle';
  if (first === 0x4d && version === 0x5a && head.length >= 0x40) {
    const at = Buffer.from(head.buffer, head.byteOffset, head.length).readUInt32LE(0x3c);
    if (Buffer.from(head.subarray(at, at + 4)).toString('latin1') === 'PE\0\0') return 'a program of Windows';
  }
  return undefined;
}
