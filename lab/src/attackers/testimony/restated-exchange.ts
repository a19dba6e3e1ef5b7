import { utf8Encode } from '@ogong/protocol/base/bytes';
import { encodeHttpsExchange, parseHttpsExchange } from '@ogong/protocol/tier/testimony';
import type { TestimonyAttack } from './attack.ts';

/** The same, with a statement that fits the answer. */
export const restatedExchange: TestimonyAttack = {
  name: 'restated-exchange',
  adversary: 'proxy operator with a rewritten statement',
  aim: 'an answer that no server gave',
  caughtBy: 'report-data',
  bend({ testimony, reader }) {
    const response = utf8Encode('{"choices":["mine"]}');
    const responseHash = reader.crypto.sha256(response);
    const statement = encodeHttpsExchange({ ...parseHttpsExchange(testimony.statement), responseHash });
    return { testimony: { ...testimony, statement, response }, reader };
  },
};
