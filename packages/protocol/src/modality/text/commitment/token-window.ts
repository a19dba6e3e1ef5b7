import { ProtocolError } from '../../../base/bytes.ts';
import { type Codec, createFormat, list, refine, struct, u8, u32, within } from '../../../base/codec.ts';
import { WINDOW_TOKENS } from './window.ts';

/** What a server that shows no candidates says of up to 32 positions: how many there are, and which tokens, where it names them. */
export interface TokenWindow {
  readonly count: number;
  /** One id a position, or none at all. */
  readonly ids: readonly number[];
}

/** Apart from the version of draws. */
const VERSION = 2;
export const NO_TOKENS_HASH: Uint8Array = new Uint8Array(32);
/** Largest vocabulary that a header can state: it stands where nobody knows the vocabulary. */
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

/** @throws ProtocolError for anything that encodeTokenWindow would not have written. */
export function decodeTokenWindow(bytes: Uint8Array): TokenWindow {
  const { count, ids } = windowFormat.decode(bytes);
  return { count, ids };
}
