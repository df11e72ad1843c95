/** The files of `docs/sync`, which apps in plain JavaScript use as they are. */
declare module "@hub/schema.js" {
  import type { Schema } from "@powersync/common";
  export const schema: Schema;
}
declare module "@hub/connector.js" {
  import type { CommonPowerSyncDatabase, PowerSyncBackendConnector, PowerSyncCredentials } from "@powersync/common";
  export class HubConnector implements PowerSyncBackendConnector {
    constructor(hub: string, token: () => string | null | Promise<string | null>);
    fetchCredentials(): Promise<PowerSyncCredentials>;
    uploadData(database: CommonPowerSyncDatabase): Promise<void>;
    protected ask(method: string, path: string, body?: object): Promise<unknown>;
  }
}
