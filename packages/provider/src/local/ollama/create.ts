import type { ApiContext } from '@ogong/host/http/api-app';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import type { ModelDefaults } from '@ogong/models/store';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { parseModelRequest } from '../../modality/text/model-request.ts';
import { type Fields, readBoolean, readText } from '../field-rules.ts';
import { encodeJson, findToday, type LocalCall } from '../local-model.ts';
import type { ReceivedFile } from '../model-library.ts';
import { findModel } from '../model-shelf.ts';
import { CREATE_RULES } from './manage-rules.ts';
import { readOptions } from './options.ts';
import { answerProgress } from './progress.ts';
import { readCall, readName } from './read-call.ts';

/** POST /api/create: a model of its own name, from files that were sent or from another model. @throws RequestError, ApiError */
export async function create(context: ApiContext, call: LocalCall): Promise<Response> {
  const { fields, dropped } = await readCall(context, CREATE_RULES);
  const name = readName(fields);
  const files = readFiles(fields, 'files');
  const adapters = readFiles(fields, 'adapters');
  const from = readText(fields, 'from');
  if ((from === undefined) === (files.length === 0))
    throw new RequestError('name either the model that it is made from, in `from`, or its `files`', 'from');
  // A later request would be refused for what is refused here.
  const options = readOptions(fields.parameters);
  showIgnored(context, [...dropped, ...options.dropped]);
  const given = readGiven(fields, call);
  const quant = (readText(fields, 'quantize') || readText(fields, 'quantization') || '').toLowerCase();
  const stream = readBoolean(fields, 'stream', true);
  if (from === undefined) {
    const defaults = Object.keys(given).length === 0 ? undefined : { from: '', ...given };
    return answerProgress(context, stream, async (tell) => {
      await call.library.assemble(name, { files, adapters, quant }, defaults);
      if (quant !== '') await tell({ status: `quantizing model to ${quant}` });
      await tell({ status: 'parsing GGUF' });
      await tell({ status: 'writing manifest' });
    });
  }
  const model = await findModel(call.shelf, from);
  const parameters = { ...model.defaults?.parameters, ...given.parameters };
  const defaults = { ...model.defaults, ...given, from: model.name, parameters };
  return answerProgress(context, stream, async (tell) => {
    // A model that cannot be made has a status of its own, so nothing is said before it is there.
    await call.library.name(name, model, { adapters, defaults, quant });
    if (quant !== '') await tell({ status: `quantizing model to ${quant}` });
    await tell({ status: `using existing layer sha256:${model.modelRoot}` });
    await tell({ status: 'writing manifest' });
  });
}

/** @throws RequestError */
function readGiven(fields: Fields, { clock }: LocalCall): Partial<ModelDefaults> {
  const system = readText(fields, 'system');
  const parameters = fields.parameters as Fields | undefined;
  const messages = fields.messages === undefined ? undefined : readMessages(fields.messages, findToday(clock));
  const license = readLicense(fields.license);
  return {
    ...(system === undefined || system === '' ? {} : { system }),
    ...(parameters === undefined ? {} : { parameters }),
    ...(messages === undefined || messages.length === 0 ? {} : { messages }),
    ...(license === undefined ? {} : { license }),
  };
}

function readMessages(value: unknown, day: number): NonNullable<ModelDefaults['messages']> {
  if (Array.isArray(value) && value.length === 0) return [];
  return parseModelRequest(encodeJson({ model: 'local', messages: value }), 'chat', day).asked.messages;
}

function readLicense(value: unknown): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((text) => typeof text === 'string')) return value.join('\n\n');
  throw new RequestError('license must be a string or an array of strings', 'license');
}

function readFiles(fields: Fields, field: 'files' | 'adapters'): readonly ReceivedFile[] {
  const value = fields[field];
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RequestError(`${field} must map names to digests`, field);
  return Object.entries(value)
    .map(([name, digest]) => {
      const [, sha256] = /^sha256:([0-9a-f]{64})$/.exec(String(digest)) ?? [];
      if (sha256 === undefined || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.gguf$/i.test(name))
        throw new RequestError(`${field} must map names of GGUF files to digests sha256:...`, field);
      return { name, sha256 };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
