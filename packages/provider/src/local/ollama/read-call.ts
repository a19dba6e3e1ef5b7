import type { ApiContext } from '@ogong/host/http/api-app';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import { parseJson } from '@ogong/protocol/base/json';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import type { FieldRules } from '@ogong/protocol/modality/shared/field-rules';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { type Fields, type ReadFields, readFields, readText } from '../field-rules.ts';
import { readLocalBody } from '../local-model.ts';

/** The body of a call. An empty one counts as an empty object, as with Ollama. Names what is left out. The pictures stand beside it. @throws RequestError, ApiError */
export async function readCall(
  context: ApiContext,
  rules: FieldRules,
): Promise<ReadFields & { readonly media: RequestMedia }> {
  const { body, media } = await readLocalBody(context);
  if (body.length === 0) return { ...readFields({}, rules), media };
  let parsed: unknown;
  try {
    parsed = parseJson(body);
  } catch (cause) {
    throw new RequestError(`the body cannot be read: ${(cause as Error).message}`, null, null, { cause });
  }
  const read = readFields(parsed, rules);
  showIgnored(context, read.dropped);
  return { ...read, media };
}

/** The name of a model; older clients say `name`. @throws RequestError */
export function readName(fields: Fields): string {
  const name = readText(fields, 'model') ?? readText(fields, 'name') ?? '';
  if (name === '') throw new RequestError('model is required', 'model');
  return name;
}
