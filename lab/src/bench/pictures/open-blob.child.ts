// Opens a stored blob and reads each chunk with its proof, as a provider does for a caller. Prints the peak of its resident memory, KiB.
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { fromHex } from '@ogong/protocol/base/bytes';
import { countChunks, verifyChunk } from '@ogong/protocol/commitment/blob';
import { openBlobStore } from '@ogong/provider/provider/serving/blob-store';

const [folder = '', reply = '', root = '', blindText = ''] = process.argv.slice(2);
const options = { folder, maxBytes: 2 ** 40 };
const store = await openBlobStore(options, { crypto, findExpiry: () => Number.MAX_SAFE_INTEGER });
const blob = await store.open(fromHex(reply), fromHex(root));
if (blob === undefined) throw new Error('there is no such blob');
const blind = fromHex(blindText);
for (let index = 0; index < countChunks(blob.ref); index++) {
  const chunk = await blob.read(index);
  if (!verifyChunk(crypto, { ref: blob.ref, blind }, chunk)) throw new Error(`chunk ${index} is wrong`);
}
await blob.close();
console.log(process.resourceUsage().maxRSS);
