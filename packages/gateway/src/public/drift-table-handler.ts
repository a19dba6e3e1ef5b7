import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { TableFile } from '@ogong/host/drift-table/table-file';
import type { ApiContext, Handler } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { toHex } from '@ogong/protocol/base/bytes';

interface PackedTable {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly packed: Uint8Array<ArrayBuffer>;
  readonly tag: string;
}

/** Serves the bytes of the drift table, whose hash the chain names. They are packed once, at the first request. */
export function createDriftTableHandler(
  read: () => Pick<TableFile, 'bytes' | 'hash'> | undefined,
  assertAllowed: (context: ApiContext) => void,
): Handler {
  let packing: Promise<PackedTable | undefined> | undefined;

  async function pack(): Promise<PackedTable | undefined> {
    const file = read();
    if (file === undefined) return undefined;
    const packed = new Uint8Array(await promisify(gzip)(file.bytes));
    return { bytes: new Uint8Array(file.bytes), packed, tag: `"${toHex(file.hash)}"` };
  }

  return async (context) => {
    assertAllowed(context);
    packing ??= pack();
    const table = await packing;
    if (table === undefined) throw new ApiError('not_found', 'This gateway has no drift table.');
    const headers = {
      'access-control-allow-origin': '*',
      'cache-control': 'no-cache',
      'content-type': 'application/octet-stream',
      vary: 'accept-encoding',
      etag: table.tag,
    };
    if (context.req.header('if-none-match') === table.tag) return context.body(null, 304, headers);
    const isPacked = /\bgzip\b/.test(context.req.header('accept-encoding') ?? '');
    return isPacked
      ? context.body(table.packed, 200, { ...headers, 'content-encoding': 'gzip' })
      : context.body(table.bytes, 200, headers);
  };
}
