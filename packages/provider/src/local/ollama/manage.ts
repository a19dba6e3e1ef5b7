import type { ApiContext } from '@ogong/host/http/api-app';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { readText } from '../field-rules.ts';
import { type LocalCall, unloadModel } from '../local-model.ts';
import { findModel } from '../model-shelf.ts';
import { COPY_RULES, DELETE_RULES, PUSH_RULES } from './manage-rules.ts';
import { readCall, readName } from './read-call.ts';

/** POST /api/copy: gives a model another name. @throws RequestError, ApiError, ModelError */
export async function copy(context: ApiContext, { shelf, library }: LocalCall): Promise<Response> {
  const { fields } = await readCall(context, COPY_RULES);
  const model = await findModel(shelf, fields.source);
  const destination = readText(fields, 'destination') ?? '';
  await library.name(destination, model, model.defaults && { defaults: model.defaults });
  return context.body(null, 200);
}

/** DELETE /api/delete: unloads a model and deletes what no other name has. @throws RequestError, ApiError */
export async function remove(context: ApiContext, { shelf, library, loaded }: LocalCall): Promise<Response> {
  const { fields } = await readCall(context, DELETE_RULES);
  const model = await findModel(shelf, readName(fields));
  await library.remove(model);
  const others = await shelf.list();
  if (!others.some(({ reference }) => reference === model.reference)) await unloadModel(loaded, model);
  return context.body(null, 200);
}

/** POST /api/push is refused: nothing here leaves this machine. @throws RequestError */
export async function push(context: ApiContext, { shelf }: LocalCall): Promise<Response> {
  const { fields } = await readCall(context, PUSH_RULES);
  await findModel(shelf, readName(fields));
  throw new RequestError('models are not pushed from here: there is no registry that this program has an account with');
}
