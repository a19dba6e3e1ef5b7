import { utf8Encode } from '@ogong/protocol/base/bytes';
import { encodeWitnessedExchange, parseWitnessedExchange } from '@ogong/protocol/tier/witness';
import type { WitnessAttack } from './attack.ts';

/** The same, with a statement that fits the answer. */
export const restatedExchange: WitnessAttack = {
  name: 'restated-exchange',
  adversary: 'operator of a proxy that writes a statement to its own answer, beside the evidence of a real exchange',
  aim: 'have an answer that no server gave pass with every hash in place',
  caughtBy: 'report-data',
  bend({ witness, reader }) {
    const response = utf8Encode('{"choices":["mine"]}');
    const responseHash = reader.crypto.sha256(response);
    const statement = encodeWitnessedExchange({ ...parseWitnessedExchange(witness.statement), responseHash });
    return { witness: { ...witness, statement, response }, reader };
  },
};
