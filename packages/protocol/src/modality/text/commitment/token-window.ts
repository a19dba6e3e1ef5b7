import { ProtocolError } from '../../../base/bytes.ts';
import { type Codec, createFormat, list, refine, struct, u8, u32, within } from '../../../base/codec.ts';
import { WINDOW_TOKENS } from './window.ts';

/** Up to 32 positions of a server without candidates: their number, and the tokens if it names them. */
export interface TokenWindow {
  readonly count: number;
  /** One id per position, or none at all. */
  readonly ids: readonly number[];
}

/** A version different from that of draws. */
const VERSION = 2;
export const NO_TOKENS_HASH: Uint8Array = new Uint8Array(32);
/** The largest vocabulary that a header can state. It stands for an unknown vocabulary. */
export const UNKNOWN_VOCABULARY: number = 2 ** 24;

const windowCodec: Codec<TokenWindow & { readonly version: number }> = refine(
  struct({
    version: within(u8, VERSION, VERSION),
    count: within(u8, 1, WINDOW_TOKENS),
    ids: list<number>(within(u32, 0, UNKNOWN_VOCABULARY - 1), { count: u8, max: WINDOW_TOKENS }),
  }),
  ({ count, ids }) => {
    if (ids.length !== 0 && ids.length !== count) {
      throw new ProtocolError('malformed', `${ids.length} token ids for ${count} positions`);
    }
  },
);

const windowFormat = createFormat(windowCodec, {});

export const encodeTokenWindow = ({ count, ids }: TokenWindow): Uint8Array =>
  windowFormat.encode({ version: VERSION, count, ids });

/** @throws ProtocolError unless encodeTokenWindow would write exactly these bytes. */
export function decodeTokenWindow(bytes: Uint8Array): TokenWindow {
  const { count, ids } = windowFormat.decode(bytes);
  return { count, ids };
}
