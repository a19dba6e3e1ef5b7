import { readMostInputs, renumberInput, splitInputs } from '@ogong/protocol/modality/embedding/split-inputs';
import { askParts, splitOrLeave } from './call-parts.ts';
import type { CheckedAnswer } from './checked-stream.ts';

/**
 * Asks for vectors in parts. If the first order has too many inputs for its model, all have as many as its refusal names.
 * @param ask asks with a body, for so many vectors. @throws the error of the first part that fails, with the number of the input in the call.
 */
export async function askInputs<A extends CheckedAnswer<unknown>>(
  { body, inputs }: { readonly body: Uint8Array; readonly inputs: number },
  ask: (body: Uint8Array, count: number) => Promise<A>,
): Promise<readonly A[]> {
  let most: number | undefined;
  const askAll = (allowed?: number): Promise<readonly A[]> => {
    const parts = splitOrLeave(body, (whole) => splitInputs(whole, allowed), { body, first: 0 });
    return askParts(parts, async (part, i) => {
      try {
        return await ask(part.body, (parts[i + 1]?.first ?? inputs) - part.first);
      } catch (error) {
        if (error instanceof Error) {
          if (i === 0) most = readMostInputs(error.message);
          error.message = renumberInput(error.message, part.first);
        }
        throw error;
      }
    });
  };
  return askAll().catch((error: unknown) => {
    if (most === undefined) throw error;
    return askAll(most);
  });
}
