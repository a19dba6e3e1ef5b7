import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

/** Most answers that are kept. Beyond it all are forgotten. */
const CAPACITY = 4096;

/** Remembers the answers of a function of bytes, if it has no other input or any of its answers serves. */
export function remember<T>(compute: (...parts: Uint8Array[]) => T): (...parts: Uint8Array[]) => T {
  const answers = new Map<string, T>();
  return (...parts) => {
    const name = parts.map((part) => `${part.length} ${toLatin1(part)}`).join();
    const known = answers.get(name);
    if (known !== undefined) return known;
    if (answers.size >= CAPACITY) answers.clear();
    const answer = compute(...parts);
    answers.set(name, answer);
    return answer;
  };
}

const toLatin1 = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('latin1');

const recoverAddress = remember(nodeCrypto.recoverAddress);

/** The primitives of the daemons. Each test builds the same world, so each of its signatures is checked once. */
export const testCrypto: Crypto = {
  ...nodeCrypto,
  verifyEd25519: remember(nodeCrypto.verifyEd25519),
  verifyMlDsa44: remember(nodeCrypto.verifyMlDsa44),
  verifyAddress: remember(nodeCrypto.verifyAddress),
  recoverAddress: (digest, signature) => recoverAddress(digest, signature)?.slice(),
};
