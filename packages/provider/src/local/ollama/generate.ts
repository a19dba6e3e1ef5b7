import type { ApiContext } from '@ogong/host/http/api-app';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { findDay } from '../../modality/text/commit-locally.ts';
import { textModality } from '../../modality/text/text.ts';
import { type Fields, readBoolean, readText } from '../field-rules.ts';
import { type LocalCall, narrowLease } from '../local-model.ts';
import { findModel, type ShelfModel } from '../model-shelf.ts';
import { answerOllama } from './answer.ts';
import { type OllamaPrompt, toServedRequest } from './asked.ts';
import { assertNoPictureFields, findPainter, generatePicture } from './generate-picture.ts';
import { GENERATE_RULES } from './generation-rules.ts';
import { renderGoTemplate } from './go-template.ts';
import { parseKeepAlive } from './keep-alive.ts';
import { loadOrUnload } from './load.ts';
import { readImages, writeContent } from './messages.ts';
import { readOptions } from './options.ts';
import type { OllamaParts } from './parts.ts';
import { readCall } from './read-call.ts';
import { readContext, writePrompt } from './written-prompt.ts';

/**
 * Continues a prompt, inside the model's template, the request's own template, or none if it is raw. A model of pictures makes one.
 * @throws RequestError, ApiError, EngineError
 */
export async function generate(context: ApiContext, call: LocalCall): Promise<Response> {
  const { fields, dropped, media } = await readCall(context, GENERATE_RULES);
  const startMs = call.clock.nowMs();
  const model = await findModel(call.shelf, fields.model);
  const options = readOptions(fields.options, model.defaults?.parameters);
  const keepMs = fields.keep_alive === undefined ? undefined : parseKeepAlive(fields.keep_alive);
  const stream = readBoolean(fields, 'stream', true);
  const given = readPrompt(fields, model);
  const earlier = readContext(fields.context);
  const typed = fields.model as string;
  const ignored = [...dropped, ...options.dropped];
  showIgnored(context, ignored);
  if (given === undefined) return loadOrUnload(context, call, { model, typed, keepMs, empty: { response: '' } });

  const borrowed = await call.loaded.borrow(model, keepMs);
  const painter = findPainter(borrowed);
  if (painter !== undefined)
    return generatePicture(context, call, painter, { typed, fields, seed: options.sampling.seed, stream });
  const lease = narrowLease(borrowed, model, { modality: textModality, use: 'generate' });
  try {
    assertNoPictureFields(fields);
    const prompt = await writePrompt(lease.engine, given, { context: earlier, day: findDay(startMs) });
    const asked = { model: typed, fields, prompt, media, options, dropped: ignored, startMs };
    const request = await toServedRequest(context, lease.engine, asked);
    const format = ({ content, thinking }: OllamaParts) => ({
      response: content,
      ...(thinking !== '' && { thinking }),
    });
    const showsContext = fields.raw !== true;
    return await answerOllama(context, call, lease, { model: typed, request, stream, format, showsContext });
  } catch (error) {
    lease.release();
    throw error;
  }
}

/** @returns undefined if nothing is asked. @throws RequestError */
function readPrompt(fields: Fields, { defaults }: ShelfModel): OllamaPrompt | undefined {
  const prompt = readText(fields, 'prompt') ?? '';
  const system = readText(fields, 'system');
  const template = readText(fields, 'template') ?? '';
  const isRaw = readBoolean(fields, 'raw', false);
  if (isRaw && (system !== undefined || template !== '' || readContext(fields.context).length > 0)) {
    const param = system !== undefined ? 'system' : template !== '' ? 'template' : 'context';
    throw new RequestError('raw mode does not support template, system, or context', param);
  }
  const suffix = readText(fields, 'suffix') ?? '';
  const images = readImages(fields);
  if (images.length > 0) {
    const other = isRaw ? 'raw' : template !== '' ? 'template' : suffix !== '' ? 'suffix' : undefined;
    const without = other ?? (readContext(fields.context).length > 0 ? 'context' : undefined);
    if (without !== undefined)
      throw new RequestError(`images: only the model's own template shows pictures; leave ${without} out`, 'images');
  }
  const told = system ?? defaults?.system ?? '';
  if (template !== '' && prompt !== '')
    return { prompt: renderGoTemplate(template, { System: told, Prompt: prompt, Suffix: suffix, Response: '' }) };
  if (suffix !== '' && system !== undefined)
    throw new RequestError('suffix: a text is filled in without a system message; leave one of both out', 'suffix');
  if (suffix !== '') return { prompt, suffix };
  if (prompt === '' && images.length === 0) return undefined;
  if (isRaw) return { prompt };
  const messages = [
    ...(told === '' ? [] : [{ role: 'system', content: told }]),
    ...(defaults?.messages ?? []),
    { role: 'user', content: writeContent(prompt, images) },
  ];
  return { messages };
}
