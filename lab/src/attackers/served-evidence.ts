import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBase64, toBase64, toHex } from '@ogong/protocol/base/bytes';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { Openings } from '@ogong/provider/provider/provider-store';
import type { Attack } from './attack.ts';

/** A record and an opening of a dishonest provider, kept so that the demo can show what each stage finds. */
export interface ServedEvidence {
  /** Hex. */
  readonly replyId: string;
  readonly record: Uint8Array;
  readonly signature: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly opening: Uint8Array;
}

type EvidenceJson = Readonly<Record<keyof ServedEvidence, string>>;

export interface EvidenceKeeper {
  /** Wraps a signer and remembers the records that it signs. */
  watchSigner(signer: HybridSigner): HybridSigner;
  /** Wraps a store: it writes each opening down with its record, and returns openings as the attack changes them. */
  bendOpenings(openings: Openings, attack: Pick<Attack, 'openOpening'>): Openings;
}

export function createEvidenceKeeper(directory: string): EvidenceKeeper {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const records = new Map<string, Pick<ServedEvidence, 'record' | 'signature' | 'publicKey'>>();
  return {
    watchSigner: (signer) => ({
      publicKey: signer.publicKey,
      sign(message) {
        const signature = signer.sign(message);
        const replyId = readReplyId(message);
        if (replyId) records.set(replyId, { record: message, signature, publicKey: signer.publicKey });
        return signature;
      },
    }),
    bendOpenings: (openings, attack) => ({
      async put(replyId, opening) {
        await openings.put(replyId, opening);
        const id = toHex(replyId);
        const signed = records.get(id);
        records.delete(id);
        if (signed) writeEvidence(directory, { replyId: id, ...signed, opening: opening.bytes });
      },
      async get(replyId) {
        const opening = await openings.get(replyId);
        return opening && { ...opening, bytes: (await attack.openOpening?.(opening.bytes)) ?? opening.bytes };
      },
      sweep: (nowMs) => openings.sweep(nowMs),
    }),
  };
}

/** Undefined if the message is not a record: a provider signs announcements with the same key. */
function readReplyId(message: Uint8Array): string | undefined {
  try {
    return toHex(parseRecordV2(message).replyId);
  } catch {
    return undefined;
  }
}

function writeEvidence(directory: string, { replyId, ...bytes }: ServedEvidence): void {
  const json: EvidenceJson = {
    replyId,
    record: toBase64(bytes.record),
    signature: toBase64(bytes.signature),
    publicKey: toBase64(bytes.publicKey),
    opening: toBase64(bytes.opening),
  };
  const file = join(directory, `${replyId}.json`);
  // Renamed into place, because another process reads while this one writes.
  writeFileSync(`${file}.new`, JSON.stringify(json));
  renameSync(`${file}.new`, file);
}

export function readEvidence(directory: string): ServedEvidence[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => {
      const json = JSON.parse(readFileSync(join(directory, name), 'utf8')) as EvidenceJson;
      return {
        replyId: json.replyId,
        record: fromBase64(json.record),
        signature: fromBase64(json.signature),
        publicKey: fromBase64(json.publicKey),
        opening: fromBase64(json.opening),
      };
    });
}
