import type { NetworkState } from '../../data/store.ts';
import { Hub } from './hub.tsx';
import { HubModel } from './hub-model.tsx';

export interface HubPagesProps {
  readonly state: NetworkState;
  readonly maker: string | undefined;
  readonly model: string | undefined;
}

/** The pages of the hub. Loaded by lazy-hub.tsx alone. */
export function HubPages({ state, maker, model }: HubPagesProps) {
  if (maker === undefined || model === undefined) return <Hub state={state} />;
  return <HubModel key={`${maker}/${model}`} state={state} maker={maker} model={model} />;
}
