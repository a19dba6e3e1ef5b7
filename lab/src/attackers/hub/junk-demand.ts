import { combineDemand, readDemand } from '@ogong/provider/provider/hub/wanted-models';
import type { HubAttack } from './attack.ts';

const WANTED = 'ogong/verified/acme/small';
const JUNK = 'ogong/verified/junk/large';

const report = (model: string, milliWeight: number) =>
  readDemand({ models: [{ model, milliWeight, providers: 0, verifiers: 0 } as never] }, { hasVerifier: false });

/** It names a model that nobody has asked for, with the highest weight. */
export const junkDemand: HubAttack = {
  name: 'junk-demand',
  adversary: 'router that invents demand',
  aim: 'providers fetch junk',
  stoppedBy:
    'A model weighs the lower median over the routers of a provider. Downloads have a budget, also those that failed. **Left**: with one router a provider trusts that router',
  caughtBy: `1000 ${WANTED}`,
  async play() {
    const wanted = combineDemand([report(JUNK, 0xffff_ffff), report(WANTED, 1_000), report(WANTED, 2_000)]);
    return {
      reports: wanted.map(({ modelId, milliWeight }) => `${milliWeight} ${modelId}`),
      isHarmed: wanted.some(({ modelId }) => modelId === JUNK),
    };
  },
};
