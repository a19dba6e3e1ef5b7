import type { Command } from '@ogong/host/lifecycle/command';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { collectVerb, endVerb } from './end-verbs.ts';
import { listVerb } from './list-verb.ts';
import { offerModelVerb } from './offer-model-verb.ts';
import { offerVerb } from './offer-verb.ts';

export const pinsCommand: Command = createCommandGroup({
  ...{ program: 'ogong', name: 'pins', summary: 'storage that providers prove on the chain, and its fees' },
  verbs: { offer: offerVerb, 'offer-model': offerModelVerb, list: listVerb, end: endVerb, collect: collectVerb },
  examples: ['ogong pins list --payer <address> --deployment deployment.json'],
});
