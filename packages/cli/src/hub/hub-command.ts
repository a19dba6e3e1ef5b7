import type { Command } from '@ogong/host/lifecycle/command';
import { createCommandGroup } from '@ogong/host/lifecycle/command-group';
import { showCard } from './card-command.ts';
import { checkEvaluationFile } from './evaluate/check-evaluation-command.ts';
import { evaluateModel } from './evaluate/evaluate-command.ts';
import { checkLineage } from './lineage/check-lineage-command.ts';
import { mirrorModel } from './mirror-command.ts';
import { pinModel, unpinModel } from './pin-command.ts';
import { pullHubModel } from './pull-command.ts';
import { pushHubModel } from './push-command.ts';
import { removeHubModel } from './remove-command.ts';
import { searchHub } from './search-command.ts';
import { listVersions } from './versions-command.ts';

export const hubCommand: Command = createCommandGroup({
  program: 'ogong',
  name: 'hub',
  summary: 'models that makers sign and anybody stores',
  verbs: {
    push: { summary: 'sign a version of a model, store it and publish it', run: pushHubModel },
    pull: { summary: 'bring a model onto this machine by its name', run: pullHubModel },
    search: { summary: 'find models on the chain', run: searchHub },
    card: { summary: 'maker, licence, lineage and README of a model', run: showCard },
    versions: { summary: 'versions of a model', run: listVersions },
    mirror: { summary: 'copy a model to another store', run: mirrorModel },
    pin: { summary: 'protect the files of a model on this machine', run: pinModel },
    evaluate: { summary: 'measure a model on the network, with a receipt for each answer', run: evaluateModel },
    'check-evaluation': { summary: 'check an evaluation and its receipts', run: checkEvaluationFile },
    'check-lineage': { summary: 'repeat the steps that made a model from its origins', run: checkLineage },
    unpin: { summary: 'end the protection of the files', run: unpinModel },
    remove: { summary: 'remove a model from this machine', run: removeHubModel },
  },
  examples: ['ogong hub search small', 'ogong hub pull acme/small', 'ogong hub card acme/small'],
});
