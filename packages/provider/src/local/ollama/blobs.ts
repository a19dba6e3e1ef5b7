import type { ApiContext } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { ModelError } from '@ogong/models/model-error';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { LocalCall } from '../local-model.ts';

/** HEAD /api/blobs/:digest: whether a file is here. @throws ApiError `not_found` */
export function findBlob(context: ApiContext, { library }: LocalCall): Response {
  if (library.has(readDigest(context))) return context.body(null, 200);
  throw new ApiError('not_found', 'blob not found');
}

/** POST /api/blobs/:digest: stores a file of any size. @throws RequestError */
export async function putBlob(context: ApiContext, { library }: LocalCall): Promise<Response> {
  const sha256 = readDigest(context);
  if (library.has(sha256)) return context.body(null, 200);
  const { body } = context.req.raw;
  if (body === null) throw new RequestError('the body is the file; it is missing');
  try {
    await library.receive(sha256, body);
  } catch (cause) {
    if (cause instanceof ModelError && cause.code === 'wrong-hash')
      throw new RequestError('digest mismatch: the body is another file', null, null, { cause });
    throw cause;
  }
  return context.body(null, 201);
}

function readDigest(context: ApiContext): string {
  const [, sha256] = /^sha256[:-]([0-9a-f]{64})$/.exec(context.req.param('digest') ?? '') ?? [];
  if (sha256 === undefined) throw new RequestError('a digest is sha256: and 64 lower-case hex digits');
  return sha256;
}
