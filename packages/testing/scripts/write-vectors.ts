// Writes the test vectors of the core formats. Everything is seeded, so a second run writes the same bytes. Tests compare
// the code with the committed files, so a change of format shows as a diff of vectors.
import { mkdirSync, writeFileSync } from 'node:fs';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { createCoreVectors } from '../src/vectors/core-vectors.ts';
import { formatVectors } from '../src/vectors/format-vectors.ts';
import { createLocalReceiptVectors } from '../src/vectors/local-receipt-vectors.ts';

const directory = new URL('../../protocol/vectors/', import.meta.url);
mkdirSync(directory, { recursive: true });
const vectors = { ...(await createCoreVectors(nobleCrypto)), 'local-receipt': await createLocalReceiptVectors() };
for (const [name, content] of Object.entries(vectors)) {
  writeFileSync(new URL(`${name}.json`, directory), formatVectors(content));
}
