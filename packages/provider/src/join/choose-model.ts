import { statSync } from 'node:fs';
import { ConfigError } from '@ogong/host/config/config-error';
import type { NetworkModel } from '@ogong/protocol/network/network-document';
import { type JoinSettings, joinConfig } from './join-config.ts';
import type { JoinNotes } from './join-notes.ts';
import type { RankedModel, SizedModel } from './rank-models.ts';

const FILE = 'file:';
/** Places of a stranger: a file of the model hub, or of a server with a certificate. */
const REMOTE = /^(?:hf:[A-Za-z0-9][A-Za-z0-9._/:-]*|https:\/\/[A-Za-z0-9][A-Za-z0-9._/:%-]*)$/;

/**
 * Adds the size of a model's weights, and leaves out a place that a stranger may not name.
 * @param isHere the gateway is on this machine: it may name its files, too.
 */
export function sizeModel(model: NetworkModel, isHere: boolean): SizedModel {
  const { source } = model;
  if (isHere && source.startsWith(FILE)) {
    const size = statSync(source.slice(FILE.length), { throwIfNoEntry: false })?.size;
    return { model, sizeBytes: size };
  }
  return { model: REMOTE.test(source) ? model : { ...model, source: '' }, sizeBytes: undefined };
}

const refuse = (problem: string): never => {
  throw new ConfigError(joinConfig.definition.name, [problem]);
};

/**
 * Chooses the model that the user names, else the one that was served before, else the best one.
 * @param notes of the same network. @throws ConfigError if no model can be served.
 */
export function chooseModel(
  ranked: readonly RankedModel[],
  { model: source, modelId }: Pick<JoinSettings, 'model' | 'modelId'>,
  notes: Pick<JoinNotes, 'model' | 'modelId'> | undefined,
): NetworkModel {
  if (source !== undefined && modelId === undefined)
    return refuse('--model is given together with --model-id, which says as what it is served');
  const wanted = modelId ?? notes?.modelId;
  const named = ranked.find(({ model }) => model.id === wanted);
  if (modelId !== undefined && named === undefined)
    return refuse(`--model-id ${modelId}: the network has no such model`);
  const kept = source ?? (named?.model.id === notes?.modelId ? notes?.model : undefined);
  if (named !== undefined && kept !== undefined) return { ...named.model, source: kept };
  const best = named ?? ranked[0];
  if (best === undefined) return refuse('the network has no model yet; serve one by ogong-provider start');
  const { model, problem } = best;
  if (problem === undefined) return model;
  return refuse(
    named === undefined
      ? `no model of the network can be served here. The nearest is ${model.id}: ${problem}`
      : `${model.id} cannot be served here: ${problem}`,
  );
}
