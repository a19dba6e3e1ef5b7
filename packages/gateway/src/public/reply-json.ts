import { ApiError } from '@ogong/host/http/api-error';
import type { Json } from '@ogong/host/openai/format';
import { toHex } from '@ogong/protocol/base/bytes';
import type { SettledEntry } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** @returns 32 hexadecimal digits. @throws ApiError */
export function readReplyId(id = ''): string {
  if (/^(?:0x)?[0-9a-f]{32}$/.test(id)) return id.replace('0x', '');
  throw new ApiError('invalid_request', 'A reply id has 32 hexadecimal digits.', { param: 'id' });
}

/** A log entry with its proof of inclusion in the batch. */
export const toSettledJson = ({ entry, index, proof, transaction }: SettledEntry): Json => ({
  ...{ entry: write(entry), index, proof: proof.map(write), transaction },
});

const write = (bytes: Uint8Array): string => `0x${toHex(bytes)}`;
