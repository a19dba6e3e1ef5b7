import { bytes, type CodecType, createFormat, type Format, list, struct, u16, u32, union } from '../../base/codec.ts';
import { BLS_KEY_BYTES } from '../../crypto/bls.ts';
import { seatMemberList } from './seats.ts';
import { MAX_TICKETS } from './tickets.ts';

const recordFields = {
  generation: u32,
  era: u32,
  seats: seatMemberList,
  commitments: list(bytes(BLS_KEY_BYTES), { count: u16, min: 1, max: MAX_TICKETS }),
};
const recordCodec = struct(recordFields);

/** Who holds the shares of an era, and the keys by which their parts are checked. */
export interface EraRecord extends CodecType<typeof recordCodec> {}

/** As it is kept. */
export const eraRecordFormat: Format<EraRecord> = createFormat(recordCodec, { tag: 'ogong-beacon-era-record-v1' });

const messageCodec = union('kind', {
  /** Asks for the record of an era. */
  request: struct({ era: u32 }),
  record: struct(recordFields),
});

/** How a validator that was not there when shares were dealt learns whose they are. */
export type EraMessage = CodecType<typeof messageCodec>;

export const eraMessageFormat: Format<EraMessage> = createFormat(messageCodec, {
  ...{ tag: 'ogong-beacon-era-message-v1', maxBytes: 1 << 20 },
});
