import { fakePushesUnderTest, postgresPushesUnderTest } from './pushes-support.ts';
import { pushesContract } from './pushes.contract.ts';

pushesContract('fake', fakePushesUnderTest);
pushesContract('Postgres', postgresPushesUnderTest);
