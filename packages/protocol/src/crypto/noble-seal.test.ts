import { createTestSeal } from '@ogong/testing/protocol/exchange-fixture';
import { describeSeal } from '@ogong/testing/protocol/seal-compliance';

describeSeal('noble', createTestSeal());
