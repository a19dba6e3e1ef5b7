import { describeSeal } from '@ogong/testing/protocol/seal-compliance';
import { nodeSeal } from './node-seal.ts';

describeSeal('node', nodeSeal);
