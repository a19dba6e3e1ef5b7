import { equalBytes, ProtocolError, toBase64, toHex, utf8Encode } from '../../base/bytes.ts';
import { type Check, check, fail, pass, skip } from '../../base/checks.ts';
import { computeCommitment, parseOpening } from '../../commitment/opening.ts';
import type { RecordV2 } from '../../commitment/record.ts';
import { hashResponse } from '../../commitment/response-hash.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import type { SealPrimitives } from '../../crypto/seal-primitives.ts';
import type { SealedEnd } from '../../generated/ogong/v1/ogong_pb.ts';
import { findHeaderModality } from '../../modality/registry.ts';
import { SealError } from '../../sealing/seal-error.ts';
import { readSealedMessage } from '../../sealing/sealed-message.ts';
import { openDisclosedReply } from '../../sealing/sealed-reply.ts';
import { asBytes, asObject, asText } from '../../stage1/receipt.ts';

/**
 * The data that opens one sealed reply for another reader (docs/spec/sealing.md#disclosure): its exporter secret, with the
 * received head and units. The request and every other reply stay sealed.
 */
export interface SealedDisclosure {
  readonly replyId: Uint8Array;
  /** 32 bytes. */
  readonly exporterSecret: Uint8Array;
  readonly head: Uint8Array;
  readonly units: readonly Uint8Array[];
}

const FORMAT = 'ogong-sealed-disclosure-v1';
const MAX_UNITS = 262_144;

/** @internal The SDK exports it, and `parseDisclosure` reads its output. */
export const toDisclosureJson = ({ replyId, exporterSecret, head, units }: SealedDisclosure) => ({
  format: FORMAT,
  reply_id: toHex(replyId),
  exporter_secret: toBase64(exporterSecret),
  head: toBase64(head),
  units: units.map((unit) => toBase64(unit)),
});

/** Parses a disclosure. @throws ProtocolError naming the field. Unknown fields are ignored. */
export function parseDisclosure(value: unknown): SealedDisclosure {
  const fields = asObject(value, 'disclosure');
  if (fields.format !== FORMAT) throw new ProtocolError('malformed', `a disclosure has the format ${FORMAT}`);
  const id = asText(fields.reply_id, 'reply_id');
  const exporterSecret = asBytes(fields.exporter_secret, 'exporter_secret');
  const { units } = fields;
  if (!/^[0-9a-f]{32}$/.test(id) || exporterSecret.length !== 32) {
    throw new ProtocolError('malformed', 'reply_id has 32 digits, and exporter_secret 32 bytes');
  }
  if (!Array.isArray(units) || units.length > MAX_UNITS) {
    throw new ProtocolError('malformed', `units: expected a list of at most ${MAX_UNITS}`);
  }
  return {
    replyId: Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(id.slice(2 * i, 2 * i + 2), 16)),
    exporterSecret,
    head: asBytes(fields.head, 'head'),
    units: units.map((unit, i) => asBytes(unit, `units[${i}]`)),
  };
}

export interface DisclosedReply {
  readonly checks: readonly Check[];
  /** The text in the units that opened. */
  readonly text: string;
}

/**
 * Opens a disclosure, and compares it with the provider's signature. It shows the contents of these units, and not their
 * author: every holder of the request's secret could have written them. Only a carrier of the units knows that these are the
 * original ones.
 * @param record of the reply's receipt; undefined if there is none.
 */
export function verifyDisclosure(
  { crypto, seal }: { readonly crypto: Crypto; readonly seal: SealPrimitives },
  { replyId, exporterSecret, head, units }: SealedDisclosure,
  record: RecordV2 | undefined,
): DisclosedReply {
  let text = '';
  let end: SealedEnd | undefined;
  const checks: Check[] = [];
  try {
    const opener = openDisclosedReply({ seal }, { exporterSecret, head });
    checks.push(pass('exporter-secret', 'the head commits to this secret'));
    for (const unit of units) {
      const message = opener.open(unit);
      const part = message && readSealedMessage(message);
      if (part && 'delta' in part) text += part.delta.text;
      if (part && 'end' in part) end = part.end;
    }
    opener.end();
    checks.push(pass('sealed-units', `${units.length} units open in their places, up to the last`));
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    checks.push(fail(checks.length === 0 ? 'exporter-secret' : 'sealed-units', error.message));
  }
  if (end === undefined)
    return { checks: [...checks, skip('sealed-record', 'the end of the reply did not open')], text };
  if (record === undefined)
    return { checks: [...checks, skip('sealed-record', 'no receipt given to compare with')], text };
  return { checks: [...checks, checkRecord(crypto, { replyId, text, end }, record)], text };
}

function checkRecord(
  crypto: Crypto,
  { replyId, text, end }: { readonly replyId: Uint8Array; readonly text: string; readonly end: SealedEnd },
  record: RecordV2,
): Check {
  const id = 'sealed-record';
  if (!equalBytes(replyId, record.replyId)) return fail(id, 'the receipt is of another reply');
  try {
    const opening = parseOpening(end.opening);
    // The shown text must be the compared text. A text beside a separate response is not signed.
    const streams = findHeaderModality(opening.header)?.hasProgress === true;
    if (streams ? end.response.length > 0 : text !== '') {
      return fail(id, 'the units hold a text and a response, and the record signs one of them');
    }
    const response = streams ? utf8Encode(text) : end.response;
    const isRoot = equalBytes(computeCommitment(crypto, opening).root, record.commitRoot);
    const isSigned = equalBytes(hashResponse(crypto, opening.blind, response), record.responseHash);
    return check(id, isRoot && isSigned, [
      'the sealed content is the one that the record signs',
      isRoot
        ? 'the text under the seal is another than the record signs'
        : 'the opening under the seal is not of the record',
    ]);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return fail(id, error.message);
  }
}
