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
  const split = (allowed?: number) => splitOrLeave(body, (whole) => splitInputs(whole, allowed), { body, first: 0 });
  const askAll = (parts: ReturnType<typeof split>): Promise<readonly A[]> =>
    askParts(parts, async (part, i) => {
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
  const parts = split();
  return askAll(parts).catch((error: unknown) => {
    const smaller = most === undefined ? parts : split(most);
    // The same orders would be refused again.
    if ((smaller[1]?.first ?? inputs) >= (parts[1]?.first ?? inputs)) throw error;
    return askAll(smaller);
  });
}
