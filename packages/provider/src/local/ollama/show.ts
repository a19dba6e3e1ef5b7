import type { ApiContext } from '@ogong/host/http/api-app';
import type { GgufHeader } from '@ogong/models/gguf/types';
import { readBoolean } from '../field-rules.ts';
import type { LocalCall } from '../local-model.ts';
import { readModelCard } from '../model-card.ts';
import { findModel, type ShelfModel } from '../model-shelf.ts';
import { formatDetails } from './details.ts';
import { SHOW_RULES } from './manage-rules.ts';
import { readCall, readName } from './read-call.ts';

/** POST /api/show: facts of a model. @throws RequestError, ApiError, EngineError */
export async function show(context: ApiContext, { shelf }: LocalCall): Promise<Response> {
  const { fields } = await readCall(context, SHOW_RULES);
  const model = await findModel(shelf, readName(fields));
  if (model.upstream !== undefined) return context.json(describeUpstream(model));
  const card = readModelCard(model);
  const { header, template } = card;
  const { license, system, messages } = model.defaults ?? {};
  const ownLicense = header?.metadata.get('general.license')?.value;
  return context.json({
    license: license ?? (typeof ownLicense === 'string' ? ownLicense : ''),
    modelfile: formatModelfile(model),
    parameters: formatParameters(model).join('\n'),
    template: template ?? '',
    ...(system === undefined ? {} : { system }),
    ...(messages === undefined ? {} : { messages }),
    details: formatDetails(model),
    ...(model.machines && { machines: model.machines }),
    model_info: header
      ? formatInfo(header, readBoolean(fields, 'verbose', false))
      : { 'general.architecture': card.family },
    capabilities: [
      ...(card.modality?.listCapabilities(card) ?? []),
      ...(model.readsPictures === true ? ['vision'] : []),
    ],
    modified_at: new Date(model.modifiedAtMs).toISOString(),
  });
}

/** Another server shows nothing of its file. */
const describeUpstream = (model: ShelfModel) => ({
  ...{ license: '', modelfile: `FROM ${model.upstream}\n`, parameters: '', template: '' },
  details: formatDetails(model),
  model_info: {},
  capabilities: ['completion'],
  modified_at: new Date(model.modifiedAtMs).toISOString(),
});

const formatParameters = ({ defaults }: ShelfModel): string[] =>
  Object.entries(defaults?.parameters ?? {}).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value]).map(
      (each) => `${key} ${typeof each === 'string' ? JSON.stringify(each) : each}`,
    ),
  );

function formatModelfile(model: ShelfModel): string {
  const { system } = model.defaults ?? {};
  const lines = [
    `FROM ${model.path}`,
    ...formatParameters(model).map((line) => `PARAMETER ${line}`),
    ...(system === undefined ? [] : [`SYSTEM ${JSON.stringify(system)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Long lists, such as the vocabulary, only where they are asked for. */
function formatInfo({ metadata, tensors }: GgufHeader, isVerbose: boolean): Readonly<Record<string, unknown>> {
  const count = tensors.reduce((sum, { dimensions }) => sum + dimensions.reduce((a, b) => a * b, 1), 0);
  const plain = (value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);
  const entries = [...metadata]
    .filter(([key]) => key !== 'tokenizer.chat_template')
    .map(([key, { type, value }]) => {
      if (type !== 'array') return [key, plain(value)] as const;
      return [key, isVerbose ? (value as readonly unknown[]).map(plain) : null] as const;
    });
  return { ...Object.fromEntries(entries), 'general.parameter_count': count };
}
