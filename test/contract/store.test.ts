import { fakeUnderTest, postgresUnderTest } from './store-support.ts';
import { storeContract } from './store.contract.ts';

storeContract('fake', fakeUnderTest);
storeContract('Postgres', postgresUnderTest);
