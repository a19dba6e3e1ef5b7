import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import type { CheckedReply } from './check-answer.ts';
import type { CheckedAnswer } from './checked-stream.ts';
import { ReceiptError } from './errors.ts';
import type { EmbeddingList, PictureList } from './types.ts';

/**
 * Asks for the parts of a call that is larger than one order, one after another.
 * @returns their answers, in their order. @throws the error of the first part that fails. It names the replies that are paid all the same.
 */
export async function askParts<P, A extends CheckedAnswer<unknown>>(
  parts: readonly P[],
  ask: (part: P, index: number) => Promise<A>,
): Promise<readonly A[]> {
  const answers: A[] = [];
  for (const [index, part] of parts.entries()) {
    try {
      answers.push(await ask(part, index));
    } catch (error) {
      const paid = answers.flatMap(({ replies }) => replies.map(({ replyId }) => replyId));
      if (paid.length > 0 && error instanceof Error)
        error.message += ` (paid all the same: ${answers.length} of ${parts.length} parts of this call, replies ${paid.join(', ')})`;
      throw error;
    }
  }
  return answers;
}

/** Splits a call. An invalid one stays whole, and the gateway refuses it. */
export function splitOrLeave<T, P>(call: T, split: (call: T) => readonly P[], whole: P): readonly P[] {
  try {
    return split(call);
  } catch (error) {
    if (error instanceof RequestError) return [whole];
    throw error;
  }
}

/** Joins the replies of all parts, numbered over the call. @throws ReceiptError if one reply stands for two. */
export function joinReplies(
  parts: readonly Pick<CheckedAnswer<unknown>, 'replies' | 'response'>[],
): readonly CheckedReply[] {
  const replies = parts.flatMap((part) => part.replies).map((reply, choice) => ({ ...reply, choice }));
  if (new Set(replies.map(({ replyId }) => replyId)).size === replies.length) return replies;
  const { response } = parts.at(-1) as (typeof parts)[number];
  throw new ReceiptError('missing', 'one reply stands for two parts of a call', { response });
}

/** Joins the lists of vectors, whose entries then count over the call. */
export function joinVectors(parts: readonly EmbeddingList[]): EmbeddingList {
  const [first] = parts as readonly [EmbeddingList];
  const data = parts.flatMap((part) => part.data).map((entry, index) => ({ ...entry, index }));
  const sum = (field: 'prompt_tokens' | 'total_tokens') => sumUp(parts.map(({ usage }) => usage?.[field]));
  const usage = { prompt_tokens: sum('prompt_tokens'), total_tokens: sum('total_tokens') };
  return { ...first, data, usage, ogong: joinOgong(parts) };
}

/** Joins the lists of pictures. */
export function joinPictures(parts: readonly PictureList[]): PictureList {
  const [first] = parts as readonly [PictureList];
  const sum = (field: 'input_tokens' | 'output_tokens' | 'total_tokens') =>
    sumUp(parts.map(({ usage }) => usage?.[field]));
  const usage = {
    ...first.usage,
    ...{
      input_tokens: sum('input_tokens'),
      output_tokens: sum('output_tokens'),
      total_tokens: sum('total_tokens'),
    },
  };
  return { ...first, data: parts.flatMap(({ data }) => data), usage, ogong: joinOgong(parts) };
}

const sumUp = (values: readonly (number | undefined)[]): number =>
  values.reduce<number>((sum, value = 0) => sum + value, 0);

/** The receipts of all parts passed their checks, so each part has some. */
function joinOgong(parts: readonly { readonly ogong?: unknown }[]): object {
  const fields = parts.map(({ ogong }) => ogong as { readonly receipts: readonly object[] });
  return { ...fields[0], receipts: fields.flatMap(({ receipts }) => receipts) };
}
