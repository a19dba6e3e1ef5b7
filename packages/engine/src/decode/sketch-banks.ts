import { equalBytes } from '@ogong/protocol/base/bytes';
import { createSketchBank, type SketchBank, type SketchParameters } from '@ogong/protocol/commitment/sketch';
import { nativeHash } from './native-hash.ts';

/** Returns the bank of a request. Nobody may write to it. */
export type OpenSketchBank = (sketch: SketchParameters) => SketchBank;

/** Keeps the last bank, since all requests of an epoch share one, and a large one takes most of a millisecond. */
export function createSketchBanks(embeddingSize: number): OpenSketchBank {
  let last: { readonly bankSeed: Uint8Array; readonly bank: SketchBank } | undefined;
  return ({ bankSeed, directions }) => {
    if (last?.bank.directions !== directions || !equalBytes(last.bankSeed, bankSeed)) {
      const bank = createSketchBank(nativeHash, { bankSeed, directions, embeddingSize });
      // The caller may write to its bytes later.
      last = { bankSeed: bankSeed.slice(), bank };
    }
    return last.bank;
  };
}
