import { encodeOpening, parseOpening } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import type { TamperProbe } from '../run-record.ts';

export interface ProvenReply {
  readonly receipt: Receipt;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
}

/** Changes one byte in each part that a receipt proves, and records which checks fail. */
export async function runTamperProbes(crypto: Crypto, trust: Trust, reply: ProvenReply): Promise<TamperProbe[]> {
  const probe = async (what: string, expected: string, changed: ProvenReply): Promise<TamperProbe> => {
    const { checks } = await verifyReceipt(changed.receipt, { crypto, trust, ...changed });
    return { what, expected, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
  };
  const { receipt } = reply;
  const probes = [
    probe('a byte of the request', 'request-hash', { ...reply, request: flipPrompt(reply.request) }),
    probe('a byte of the response', 'response-hash', { ...reply, response: flipText(reply.response) }),
    probe("the consumer's signature", 'order-signature', {
      ...reply,
      receipt: { ...receipt, order: { ...receipt.order, signature: flip(receipt.order.signature, 7) } },
    }),
    probe("the provider's Ed25519 signature", 'record-signature', withRecordSignature(reply, 5)),
    probe("the provider's ML-DSA-44 signature", 'record-signature', withRecordSignature(reply, 1_000)),
    probe("the router's signature", 'ticket', {
      ...reply,
      receipt: { ...receipt, ticket: { ...receipt.ticket, signature: flip(receipt.ticket.signature, 5) } },
    }),
  ];
  if ('url' in receipt.opening) return Promise.all(probes);
  const opening = parseOpening(receipt.opening.bytes);
  const open = (changed: typeof opening): ProvenReply => ({
    ...reply,
    receipt: { ...receipt, opening: { bytes: encodeOpening(changed) } },
  });
  probes.push(
    probe('a byte of leaf 0, the header', 'commitment-root', open({ ...opening, header: flip(opening.header, 60) })),
  );
  opening.windows.forEach((window, i) => {
    const replace = (changed: typeof window): ProvenReply =>
      open({ ...opening, windows: opening.windows.map((old, j) => (i === j ? changed : old)) });
    const middle = (bytes: Uint8Array): number => bytes.length >> 1;
    probes.push(
      probe(
        `a byte of leaf ${i + 1}, draws`,
        'commitment-root',
        replace({ ...window, draws: flip(window.draws, middle(window.draws)) }),
      ),
      probe(
        `a byte of leaf ${i + 1}, sketch`,
        'commitment-root',
        replace({ ...window, sketch: flip(window.sketch, middle(window.sketch)) }),
      ),
    );
  });
  return Promise.all(probes);
}

function withRecordSignature(reply: ProvenReply, at: number): ProvenReply {
  const { receipt } = reply;
  return {
    ...reply,
    receipt: { ...receipt, record: { ...receipt.record, signature: flip(receipt.record.signature, at) } },
  };
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[at] = (flipped[at] as number) ^ 1;
  return flipped;
}

/** Changes the text of the first message. Elsewhere a changed letter could break the JSON before any hash is checked. */
function flipPrompt(request: Uint8Array): Uint8Array {
  const marker = '"content":"';
  const start = Buffer.from(request).indexOf(marker) + marker.length;
  const end = Buffer.from(request).indexOf('"', start);
  return new Uint8Array([
    ...request.subarray(0, start),
    ...flipText(request.subarray(start, end)),
    ...request.subarray(end),
  ]);
}

/** Replaces a letter by another letter, so that JSON and UTF-8 stay valid and only the hash shows it. */
function flipText(bytes: Uint8Array): Uint8Array {
  const isLetter = (byte: number): boolean => byte >= 0x62 && byte <= 0x79;
  const at = bytes.findLastIndex(isLetter);
  return at < 0 ? new Uint8Array([...bytes, 0x61]) : flip(bytes, at);
}
