import { describeSealedBox } from '@ogong/testing/protocol/sealed-box-compliance';
import { nobleSealedBox } from './noble-sealed-box.ts';

describeSealedBox('noble', nobleSealedBox);
