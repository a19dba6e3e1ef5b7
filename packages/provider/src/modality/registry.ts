import { EngineError } from '@ogong/engine/interface/engine-error';
import type { Engine } from '@ogong/engine/open-engine';
import { embeddingModality } from './embedding/embedding.ts';
import type { ProviderModality } from './modality.ts';
import { tensorModality } from './tensor/tensor.ts';
import { textModality } from './text/text.ts';
import { trajectoryModality } from './trajectory/trajectory.ts';

type Version = Engine['specificationVersion'];
type EngineOf<V extends Version> = Extract<Engine, { readonly specificationVersion: V }>;

/** All modalities that this package serves, by the interface of their engines: the only list of them. */
const BY_ENGINE = {
  'text-v1': textModality,
  'embedding-v1': embeddingModality,
  'trajectory-v1': trajectoryModality,
  'tensor-v1': tensorModality,
} as const satisfies { readonly [V in Version]: ProviderModality<EngineOf<V>> };

export const MODALITIES: readonly ProviderModality[] = Object.values(BY_ENGINE);

/** Returns the modality of engines of this specification. @throws EngineError `unsupported-model` if there is none. */
export function findModality<E extends Engine>({
  specificationVersion: version,
}: {
  readonly specificationVersion: E['specificationVersion'];
}): ProviderModality<E> {
  if (Object.hasOwn(BY_ENGINE, version)) return BY_ENGINE[version] as unknown as ProviderModality<E>;
  throw new EngineError('unsupported-model', `no modality serves engines of specification ${String(version)}`);
}

/** Returns whether an engine is one of this modality. */
export const isEngineOf = <E extends Engine>(
  { specificationVersion }: Pick<ProviderModality<E>, 'specificationVersion'>,
  engine: Engine,
): engine is E => engine.specificationVersion === specificationVersion;
