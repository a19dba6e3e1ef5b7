import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { fromBase64, toBase64, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { isLocalReceipt, parseAnyReceipt, toLocalReceiptJson } from '@ogong/protocol/stage1/local-receipt';
import { verifyLocalReceipt } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import type { KeptReply } from '@ogong/provider/modality/local-reply';
import { forgeLocalReply, LOCAL_START_MS, serveLocalReply } from '../provider/local-reply.ts';

interface LocalReceiptCase {
  readonly what: string;
  /** A saved file. */
  readonly receipt: Readonly<Record<string, unknown>>;
  readonly nowMs: number;
  readonly checks: readonly Pick<Check, 'id' | 'status'>[];
}

/** @throws ProtocolError where the file is unusable. */
export function judgeLocalReceipt({ receipt, nowMs }: Omit<LocalReceiptCase, 'checks'>): LocalReceiptCase['checks'] {
  const parsed = parseAnyReceipt(JSON.stringify(receipt));
  if (!isLocalReceipt(parsed)) throw new TypeError('a receipt of the network');
  const [request, response] = [fromBase64(receipt.request as string), fromBase64(receipt.response as string)];
  const { checks } = verifyLocalReceipt(parsed, { crypto, request, response, nowMs });
  return checks.map(({ id, status }) => ({ id, status }));
}

/** `vectors/local-receipt.json`: files as local mode writes them, and forgeries that their holders could make. */
export async function createLocalReceiptVectors(): Promise<readonly LocalReceiptCase[]> {
  const reply = await serveLocalReply({ fields: { max_tokens: 6 } });
  const seeded = await serveLocalReply({ fields: { max_tokens: 6, seed: 7 } });
  const cases: readonly (readonly [string, KeptReply])[] = [
    ['an answer by nonce', reply],
    ['an answer by seed', seeded],
    ['another text', { ...reply, response: utf8Encode('no') }],
    ['a payee', forgeLocalReply(reply, { header: () => ({ payee: new Uint8Array(20).fill(1) }) })],
    ['a tier of the network', forgeLocalReply(reply, { header: () => ({ tier: 'verified', method: 'draw-replay' }) })],
    ['another bank', forgeLocalReply(reply, { header: () => ({ sketchBankSeed: new Uint8Array(32) }) })],
    ['another seed', forgeLocalReply(seeded, { header: ({ drawKey }) => ({ drawKey: { ...drawKey, choice: 1 } }) })],
  ];
  return cases.map(([what, { receipt, request, response }]) => {
    const bodies = { request: toBase64(request), response: toBase64(response) };
    const given = { what, receipt: { ...toLocalReceiptJson(receipt), ...bodies }, nowMs: LOCAL_START_MS + 1000 };
    return { ...given, checks: judgeLocalReceipt(given) };
  });
}
