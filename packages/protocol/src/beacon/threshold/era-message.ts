import { bytes, type CodecType, createFormat, type Format, list, struct, u16, u32, union } from '../../base/codec.ts';
import { BLS_KEY_BYTES } from '../../crypto/bls.ts';
import { eraValidatorList } from './members.ts';
import { MAX_TICKETS } from './tickets.ts';

const recordFields = {
  generation: u32,
  era: u32,
  seats: eraValidatorList,
  commitments: list(bytes(BLS_KEY_BYTES), { count: u16, min: 1, max: MAX_TICKETS }),
};
const recordCodec = struct(recordFields);

/** The holders of an era's shares, and the keys that verify their parts. */
export interface EraRecord extends CodecType<typeof recordCodec> {}

/** The format in which a record is stored. */
export const eraRecordFormat: Format<EraRecord> = createFormat(recordCodec, { tag: 'ogong-beacon-era-record-v1' });

const messageCodec = union('kind', {
  /** Asks for the record of an era. */
  request: struct({ era: u32 }),
  record: struct(recordFields),
});

/** The messages by which a validator that missed the dealing learns the owners of the shares. */
export type EraMessage = CodecType<typeof messageCodec>;

export const eraMessageFormat: Format<EraMessage> = createFormat(messageCodec, {
  ...{ tag: 'ogong-beacon-era-message-v1', maxBytes: 1 << 20 },
});
