# Of secrets.
let
  secret = attributes: {
    services.loopkeeper.secrets.token = attributes;
  };
in
{
  secret-in-the-store = {
    module = secret {
      source = "file";
      path = "/nix/store/00000000000000000000000000000000-token";
    };
    says = "is in the Nix store, where everybody on this machine can read it";
  };
  secret-that-would-be-copied-into-the-store = {
    module = secret {
      source = "file";
      path = ./secrets.nix;
    };
    says = "is in the Nix store, where everybody on this machine can read it";
  };
  secret-with-a-relative-path = {
    module = secret {
      source = "file";
      path = "token";
    };
    says = "path is not absolute";
  };
  encrypted-file-of-another-source = {
    module = secret { encryptedFile = "/etc/credstore.encrypted/token"; };
    says = "belong together";
  };
  credential-without-a-file = {
    module = secret { source = "credential"; };
    says = "belong together";
  };
  secret-with-a-bad-name = {
    module.services.loopkeeper.secrets."gitea/token" = { };
    says = "and its key \"gitea/token\"";
  };
  secret-of-sops-elsewhere = {
    module = secret { path = "/etc/token"; };
    says = "path is for source = \"file\"";
  };
  key-of-a-file = {
    module = secret {
      source = "file";
      path = "/etc/token";
      key = "gitea/token";
    };
    says = "key and sopsFile are for source = \"sops\"";
  };
  sops-file-of-a-credential = {
    module = secret {
      source = "credential";
      encryptedFile = "/etc/credstore.encrypted/token";
      sopsFile = "/secrets.yaml";
    };
    says = "key and sopsFile are for source = \"sops\"";
  };
  settings-with-a-secret-in-the-store = {
    module.services.loopkeeper.settings.workers.builder.secrets.token = ./secrets.nix;
    says = "settings.workers.builder.secrets.token is in the Nix store";
  };
  settings-with-users-in-the-store = {
    module.services.loopkeeper.settings.proxy.auth =
      "/nix/store/00000000000000000000000000000000-users";
    says = "settings.proxy.auth is in the Nix store";
  };
}
