import { concatBytes, createWriter, utf8Encode } from '../base/bytes.ts';
import type { SealPrimitives } from '../crypto/seal-primitives.ts';

/**
 * The key schedule of HPKE (RFC 9180, section 5.1) with HKDF-SHA-256 and export-only, without the rest of HPKE. Sealed data has
 * its own layout here. So each key seals one text and commits to it.
 */
export interface Exporter {
  /** HPKE's exporter secret, 32 bytes. Its holder can derive every key of this encapsulation, and of no other. */
  readonly secret: Uint8Array;
  /** Exports 32 bytes for a context. */
  export(context: Uint8Array): Uint8Array;
}

export interface PreSharedKey {
  /** 32 unpredictable bytes. */
  readonly key: Uint8Array;
  readonly id: Uint8Array;
}

interface ScheduleInput {
  readonly shared: Uint8Array;
  readonly info: Uint8Array;
  /** A pre-shared key. Without it the keys cannot be derived. Default: none, which is HPKE's base mode. */
  readonly psk?: PreSharedKey;
  /** Default: X-Wing. Vectors of the standard use another one. */
  readonly kemId?: number;
}

const XWING_KEM_ID = 0x647a;
const HKDF_SHA256_ID = 0x0001;
const EXPORT_ONLY_ID = 0xffff;
const VERSION = utf8Encode('HPKE-v1');
const HASH_BYTES = 32;
const NOTHING = new Uint8Array();

/** A sealed call derives some thirty keys, so the constant parts of all derivations are encoded once. */
const LABELS = {
  pskIdHash: utf8Encode('psk_id_hash'),
  infoHash: utf8Encode('info_hash'),
  secret: utf8Encode('secret'),
  exporter: utf8Encode('exp'),
  exported: utf8Encode('sec'),
};
const HASH_LENGTH = createWriter(2).u16(HASH_BYTES).finish();
const LAST_BLOCK = Uint8Array.of(1);
const encodeSuite = (kemId: number): Uint8Array =>
  createWriter().bytes(utf8Encode('HPKE')).u16(kemId).u16(HKDF_SHA256_ID).u16(EXPORT_ONLY_ID).finish();
const XWING_SUITE = encodeSuite(XWING_KEM_ID);
const findSuite = (kemId: number): Uint8Array => (kemId === XWING_KEM_ID ? XWING_SUITE : encodeSuite(kemId));

/** Creates the exporter that both sides of an encapsulation derive. */
export function createExporter(
  seal: Pick<SealPrimitives, 'hmac'>,
  { shared, info, psk, kemId = XWING_KEM_ID }: ScheduleInput,
): Exporter {
  const suite = findSuite(kemId);
  const expand = createExpand(seal, kemId);
  const extract = (salt: Uint8Array, label: Uint8Array, input: Uint8Array): Uint8Array =>
    seal.hmac(salt, VERSION, suite, label, input);
  const mode = Uint8Array.of(psk === undefined ? 0 : 1);
  const context = concatBytes(
    mode,
    extract(NOTHING, LABELS.pskIdHash, psk?.id ?? NOTHING),
    extract(NOTHING, LABELS.infoHash, info),
  );
  const secret = extract(shared, LABELS.secret, psk?.key ?? NOTHING);
  return openExporter(seal, expand(secret, LABELS.exporter, context), kemId);
}

/** Creates the same for a reader that has the exporter secret. */
export function openExporter(
  seal: Pick<SealPrimitives, 'hmac'>,
  exporterSecret: Uint8Array,
  kemId = XWING_KEM_ID,
): Exporter {
  const expand = createExpand(seal, kemId);
  return { secret: exporterSecret, export: (exported) => expand(exporterSecret, LABELS.exported, exported) };
}

function createExpand(seal: Pick<SealPrimitives, 'hmac'>, kemId: number) {
  const suite = findSuite(kemId);
  return (key: Uint8Array, label: Uint8Array, context: Uint8Array): Uint8Array =>
    seal.hmac(key, HASH_LENGTH, VERSION, suite, label, context, LAST_BLOCK);
}
