import { forgeLocalReply, LOCAL_START_MS, serveLocalReply } from '@ogong/testing/provider/local-reply';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { ProtocolError } from '../../base/bytes.ts';
import { computeCommitment, encodeOpening, parseOpening } from '../../commitment/opening.ts';
import { encodeRecordV2, parseRecordV2 } from '../../commitment/record.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import { parseAnyReceipt, toLocalReceiptJson } from '../../stage1/local-receipt.ts';
import { verifyLocalReceipt } from './verify-local-receipt.ts';

let reply: Awaited<ReturnType<typeof serveLocalReply>>;
beforeAll(async () => {
  reply = await serveLocalReply({ fields: { max_tokens: 40, temperature: 1.5, presence_penalty: 0.5 } });
});

/** Replaces some of the bytes. */
function bend(bytes: Uint8Array, changes: readonly (readonly [at: number, value: number])[]): Uint8Array {
  const bent = bytes.slice();
  for (const [at, value] of changes) bent[at % bent.length] = value;
  return bent;
}

/** Finds the start of the last two lines of a record. */
const findTimes = (record: Uint8Array): number =>
  new TextDecoder('latin1').decode(record).split('\n').slice(0, 7).join('\n').length;

const changes = fc.array(fc.tuple(fc.nat(100_000), fc.nat(255)), { minLength: 1, maxLength: 4 });
const runs = { seed: 11, numRuns: 300 };
const judge = ({ receipt, request, response }: typeof reply) =>
  verifyLocalReceipt(receipt, { crypto, request, response, nowMs: LOCAL_START_MS + 1000 });

it('changed bytes are refuted, and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.constantFrom('record', 'opening'), changes, (part, changed) => {
      const bytes = bend(reply.receipt[part].bytes, changed);
      // The times are the machine's own claim, so nothing else depends on them.
      const length = part === 'record' ? findTimes(bytes) : bytes.length;
      fc.pre(bytes.subarray(0, length).some((value, at) => value !== reply.receipt[part].bytes[at]));
      const { ok, checks } = judge({ ...reply, receipt: { ...reply.receipt, [part]: { bytes } } });
      expect(ok).toBe(false);
      expect(checks.some(({ status }) => status === 'fail')).toBe(true);
    }),
    runs,
  );
});

it('leaves that were changed under a matching new root throw nothing', () => {
  const held = parseOpening(reply.receipt.opening.bytes);
  fc.assert(
    fc.property(fc.nat(held.windows.length), fc.constantFrom('draws', 'sketch'), changes, (leaf, part, changed) => {
      const header = leaf === 0 ? bend(held.header, changed) : held.header;
      const windows = held.windows.map((window, at) =>
        at === leaf - 1 ? { ...window, [part]: bend(window[part], changed) } : window,
      );
      const opening = { ...held, header, windows };
      const record = {
        ...parseRecordV2(reply.receipt.record.bytes),
        commitRoot: computeCommitment(crypto, opening).root,
      };
      const receipt = {
        endpoint: 'chat',
        record: { bytes: encodeRecordV2(record) },
        opening: { bytes: encodeOpening(opening) },
      };
      expect(judge({ ...reply, receipt }).checks.length).toBeGreaterThan(0);
    }),
    runs,
  );
});

it('a file is parsed or refused, and nothing else is thrown', () => {
  const json = JSON.stringify(toLocalReceiptJson(forgeLocalReply(reply, {}).receipt));
  const edit = fc.tuple(fc.nat(json.length), fc.string({ maxLength: 3 }));
  fc.assert(
    fc.property(edit, ([at, text]) => {
      try {
        parseAnyReceipt(json.slice(0, at) + text + json.slice(at + text.length));
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
    runs,
  );
});
