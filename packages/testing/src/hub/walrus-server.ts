import { createHash } from 'node:crypto';
import { createReadStream, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type LoopbackHttp, receiveFile, sendFile, startLoopbackHttp } from './file-answers.ts';

export interface WalrusServer extends LoopbackHttp {
  /** Sizes of the blobs that were stored, in order. */
  readonly stored: number[];
}

/**
 * A server with the answers of a publisher and an aggregator of Walrus, as their HTTP API describes them. No node and no chain is behind it.
 * Ids are made of SHA-256, in the form of Walrus.
 * @param token the publisher asks for it.
 */
export async function startWalrusServer(
  directory: string,
  { token, maxBytes }: { readonly token: string; readonly maxBytes: number },
): Promise<WalrusServer> {
  const stored: number[] = [];
  let uploads = 0;
  const http = await startLoopbackHttp(async (request, response) => {
    const url = new URL(request.url ?? '', 'http://walrus');
    const [, id] = /^\/v1\/blobs\/([\w-]{43})$/.exec(url.pathname) ?? [];
    const answer = (status: number, value: unknown): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (request.method === 'GET' && id !== undefined) return await sendFile(request, response, join(directory, id));
    if (request.method !== 'PUT' || url.pathname !== '/v1/blobs') return answer(404, {});
    const path = join(directory, `upload-${uploads++}`);
    await receiveFile(request, path);
    if (request.headers.authorization !== `Bearer ${token}`) return answer(401, {});
    const { blobId, size } = await identify(path);
    if (size > maxBytes) return answer(413, {});
    const endEpoch = 100 + Number(url.searchParams.get('epochs'));
    if (existsSync(join(directory, blobId))) {
      rmSync(path);
      const event = { txDigest: '4XQHFa9S324wTzYHF3vsBSwpUZuLpmwTHYMFv9nsttSs', eventSeq: '0' };
      return answer(200, { alreadyCertified: { blobId, event, endEpoch } });
    }
    renameSync(path, join(directory, blobId));
    stored.push(size);
    const storage = { id: `0x${'4'.repeat(64)}`, startEpoch: 100, endEpoch, storageSize: 66_034_000 };
    const blobObject = {
      ...{ id: `0x${'e'.repeat(64)}`, registeredEpoch: 100, blobId, size, encodingType: 'RS2' },
      ...{ certifiedEpoch: 100, storage, deletable: true },
    };
    const resourceOperation = { registerFromScratch: { encodedLength: 66_034_000, epochsAhead: endEpoch - 100 } };
    answer(200, { newlyCreated: { blobObject, resourceOperation, cost: 132_300 } });
  });
  return { ...http, stored };
}

async function identify(path: string): Promise<{ blobId: string; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of createReadStream(path)) {
    hash.update(piece as Uint8Array);
    size += (piece as Uint8Array).length;
  }
  return { blobId: hash.digest('base64url'), size };
}
