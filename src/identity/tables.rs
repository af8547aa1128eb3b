//! Names that real products use, as data: headers, cookies, request fields, keys of answers.
//! Sources: RFC 6749, 6750, 7617, 8628, 9470; django-allauth, DRF, oidc-provider, Keycloak, Auth0, Okta, Cognito, Firebase.
//! It promises one place to add a name: everything else asks these tables.

use super::client_ip::{ClientHeader, Form};
use super::names::Names;
use heelguard_detectors::identity::Factor;
use heelguard_detectors::transaction::HeaderClaim;

/// A name table of built-in names, after the deployment's own.
pub(crate) fn names<T: Copy>(own: Vec<(String, T)>, known: &[(T, &str)]) -> Names<T> {
    let known = known
        .iter()
        .flat_map(|&(meaning, names)| names.split_ascii_whitespace().map(move |n| (n.to_owned(), meaning)));
    Names::new(own.into_iter().chain(known))
}

/// What a request header is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestHeader {
    Authorization,
    ProxyAuthorization,
    Cookie,
    /// A static key.
    Key,
    /// A session.
    Session,
    /// A bearer token outside `Authorization`.
    Access,
    /// A second factor's code or token.
    Mfa,
    Refresh,
    ClientSecret,
    Dpop,
    /// `Signature` and `Signature-Input` of RFC 9421.
    Signature,
    SignatureInput,
    ClientCertificate,
    /// The operation that is called, where the path is the same for all.
    Operation,
    Host,
    UserAgent,
    ContentType,
    ContentEncoding,
    Referer,
    /// In which a proxy names the client.
    ClientAddress(ClientHeader),
    /// In which a proxy says who the caller is.
    Identity(HeaderClaim),
    XForwardedProto,
    Platform,
    Mobile,
    /// A habit of the client: counts for the header order only.
    Habit,
}

pub(crate) const REQUEST_HEADERS: &[(RequestHeader, &str)] = {
    use RequestHeader as H;
    &[
        (H::Authorization, "authorization x-authorization x-original-authorization"),
        (H::ProxyAuthorization, "proxy-authorization"),
        (H::Cookie, "cookie"),
        (
            H::Key,
            "x-api-key api-key apikey x-apikey x-api-token api-token x-key x-access-key \
             ocp-apim-subscription-key x-goog-api-key x-functions-key private-token job-token \
             x-vault-token x-shopify-access-token x-consumer-key x-rapidapi-key x-api-secret \
             x-secret-key x-app-key dd-api-key dd-application-key x-figma-token x-n8n-api-key \
             x-master-key x-service-key x-subscription-key x-gitlab-token",
        ),
        (H::Session, "x-session-token x-session-id x-session session-token x-sid"),
        (
            H::Access,
            "x-auth-token x-access-token x-amz-security-token x-amzn-oidc-accesstoken x-id-token \
             x-jwt x-jwt-assertion x-user-token x-token auth-token access-token \
             x-goog-iap-jwt-assertion x-forwarded-access-token cf-access-jwt-assertion \
             x-ms-token-aad-access-token",
        ),
        (
            H::Mfa,
            "x-mfa-token x-mfa-code x-mfa x-otp x-otp-code x-otp-token x-2fa x-2fa-code x-2fa-token \
             x-totp x-totp-code x-github-otp x-two-factor-token x-two-factor-code x-step-up-token \
             npm-otp",
        ),
        (H::Refresh, "x-refresh-token refresh-token"),
        (H::ClientSecret, "x-client-secret client-secret"),
        (H::Dpop, "dpop"),
        (H::Signature, "signature"),
        (H::SignatureInput, "signature-input"),
        (
            H::ClientCertificate,
            "x-ssl-client-cert ssl-client-cert x-client-cert x-forwarded-client-cert client-cert \
             x-arr-clientcert x-amzn-mtls-clientcert x-amzn-mtls-clientcert-leaf x-ssl-cert \
             x-ssl-client-dn x-ssl-client-s-dn x-ssl-client-subject x-ssl-client-subject-dn \
             ssl-client-subject-dn x-client-dn x-client-subject-dn x-amzn-mtls-clientcert-subject \
             x-ssl-client-serial x-ssl-client-m-serial x-client-serial \
             x-amzn-mtls-clientcert-serial-number x-ssl-client-fingerprint x-ssl-client-sha1 \
             x-ssl-client-sha256 x-client-cert-hash x-client-cert-fingerprint \
             x-ssl-client-verify ssl-client-verify x-client-verify x-ssl-client-verified",
        ),
        (H::Host, "host"),
        (H::UserAgent, "user-agent"),
        (H::ContentType, "content-type"),
        (H::ContentEncoding, "content-encoding"),
        (H::Referer, "referer referrer"),
        (
            H::ClientAddress(ClientHeader::unset(Form::List)),
            "x-forwarded-for x-real-ip cf-connecting-ip cf-connecting-ipv6 true-client-ip fastly-client-ip \
             x-client-ip x-cluster-client-ip x-azure-clientip x-azure-socketip fly-client-ip \
             x-envoy-external-address do-connecting-ip x-appengine-user-ip x-original-forwarded-for \
             x-originating-ip x-remote-ip x-remote-addr proxy-client-ip wl-proxy-client-ip",
        ),
        (H::ClientAddress(ClientHeader::unset(Form::Forwarded)), "forwarded"),
        (
            H::Identity(HeaderClaim::User),
            "x-forwarded-user x-forwarded-email x-forwarded-preferred-username x-forwarded-groups \
             x-remote-user x-remote-group remote-user remote-name remote-email remote-groups \
             x-auth-request-user x-auth-request-email x-auth-request-preferred-username \
             x-auth-request-groups x-user x-user-id x-user-name x-username x-user-email x-user-role \
             x-user-roles x-user-groups x-authenticated-user x-authenticated-userid x-webauth-user \
             x-consumer-id x-consumer-username x-authentik-username x-authentik-email \
             x-authentik-groups x-goog-authenticated-user-email x-goog-authenticated-user-id \
             x-ms-client-principal x-ms-client-principal-id x-ms-client-principal-name \
             x-ms-client-principal-idp x-amzn-oidc-identity cf-access-authenticated-user-email \
             tailscale-user-login tailscale-user-name x-pomerium-claim-email",
        ),
        (
            H::Identity(HeaderClaim::Certificate),
            "x-ssl-client-verify x-ssl-client-dn x-ssl-client-s-dn x-ssl-client-s-dn-cn x-ssl-client-i-dn \
             x-ssl-client-cn x-ssl-client-subject x-ssl-client-subject-dn x-ssl-client-issuer \
             x-ssl-client-issuer-dn x-ssl-client-serial x-ssl-client-fingerprint x-ssl-client-sha1 \
             ssl-client-verify ssl-client-dn ssl-client-subject-dn ssl-client-issuer-dn x-client-verify \
             x-client-dn x-client-cn x-client-cert-dn x-client-cert-cn x-client-cert-subject \
             x-client-cert-issuer x-client-cert-fingerprint client-cert-chain x-forwarded-tls-client-cert \
             x-forwarded-tls-client-cert-info x-amzn-mtls-clientcert-subject \
             x-amzn-mtls-clientcert-issuer x-amzn-mtls-clientcert-serial-number \
             x-amzn-mtls-clientcert-validity",
        ),
        (H::XForwardedProto, "x-forwarded-proto :scheme"),
        (H::Platform, "sec-ch-ua-platform"),
        (H::Mobile, "sec-ch-ua-mobile"),
        (H::Habit, "accept accept-encoding accept-language accept-charset"),
    ]
};

/// What a response header is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseHeader {
    ContentType,
    ContentEncoding,
    SetCookie,
    Location,
    RetryAfter,
    WwwAuthenticate,
    /// A session or token handed out in a header.
    Session,
    Access,
    /// Says that a second factor is asked for, and which.
    Mfa,
}

pub(crate) const RESPONSE_HEADERS: &[(ResponseHeader, &str)] = {
    use ResponseHeader as H;
    &[
        (H::ContentType, "content-type"),
        (H::ContentEncoding, "content-encoding"),
        (H::SetCookie, "set-cookie"),
        (H::Location, "location"),
        (H::RetryAfter, "retry-after"),
        (H::WwwAuthenticate, "www-authenticate"),
        (H::Session, "x-session-token x-session-id"),
        (H::Access, "x-auth-token x-access-token authorization x-subject-token"),
    ]
};

/// What a cookie carries, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cookie {
    Session,
    Access,
    Refresh,
    /// An unfinished login or second-factor step.
    Challenge,
    Ignored,
}

pub(crate) const COOKIES: &[(Cookie, &str)] = {
    use Cookie as C;
    &[
        (
            C::Session,
            "sessionid session sid connect.sid jsessionid phpsessid asp.net_sessionid aspsessionid \
             .aspxauth .aspnetcore.cookies .aspnetcore.identity.application .aspnetcore.session \
             laravel_session _session session_id sess sessid session_token koa.sess koa:sess \
             express:sess _session_id user_session keycloak_session keycloak_identity kc_session \
             auth_session authsession rack.session cfid cftoken next-auth.session-token \
             authjs.session-token better-auth.session_token ory_kratos_session idx dt_session \
             remember_token remember_user_token remember_me auth0 _oauth2_proxy grafana_session \
             wordpress_logged_in",
        ),
        (
            C::Access,
            "access_token auth_token token jwt auth authorization id_token bearer api_token \
             accesstoken cognito_access_token",
        ),
        (C::Refresh, "refresh_token refreshtoken rt refresh"),
        (
            C::Challenge,
            "_interaction _interaction_resume auth_session_id mfa_token mfa_session two_factor \
             2fa_session login_challenge kc_auth_session_hash",
        ),
        (
            C::Ignored,
            "csrftoken csrf_token xsrf-token _csrf csrf _xsrf _ga _gid theme locale lang language \
             timezone consent django_language messages",
        ),
    ]
};

/// What a parameter, form field or JSON key of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// The account's name.
    Name,
    Password,
    NewPassword,
    /// A one-time code, by a name that says so.
    Code,
    /// `code`, `pin`: a one-time code, an authorization code, or neither.
    AnyCode,
    /// A backup code.
    BackupCode,
    /// Which factor.
    Factor,
    /// A WebAuthn assertion.
    Assertion,
    /// The ticket of an unfinished login.
    Ticket,
    Session,
    Access,
    Refresh,
    /// `token`: by context.
    Token,
    Key,
    /// `key`: only when the value looks like one.
    MaybeKey,
    Signature,
    SignedKeyId,
    ClientId,
    ClientSecret,
    GrantType,
    DeviceCode,
    PageSize,
    /// The page or record a list goes on with, by its number.
    Position,
    /// What the answer before gave to go on with.
    Cursor,
    /// A GraphQL document.
    Query,
    /// The operation that is called, where the path is the same for all.
    Operation,
}

impl Field {
    /// Whether a value of this field must not be written down.
    pub(crate) fn is_secret(self) -> bool {
        use Field as F;
        !matches!(
            self,
            F::Name
                | F::Factor
                | F::Assertion
                | F::MaybeKey
                | F::SignedKeyId
                | F::ClientId
                | F::GrantType
                | F::PageSize
                | F::Position
                | F::Cursor
                | F::Query
        )
    }
}

pub(crate) const FIELDS: &[(Field, &str)] = {
    use Field as F;
    &[
        (
            F::Name,
            "username email login user identifier user_name login_name user_id userid uid account \
             email_address login_id principal mail phone phone_number handle user_login log \
             j_username",
        ),
        (F::Password, "password passwd pwd pass passphrase current_password old_password j_password"),
        (
            F::NewPassword,
            "new_password password1 password2 password_confirmation new_password1 confirm_password \
             re_password",
        ),
        (
            F::Code,
            "otp totp mfa_code otp_code totp_code passcode verification_code two_factor_code 2fa_code \
             twofa two_factor otp_token sms_code one_time_code one_time_password \
             otp_attempt mfa_otp tfa_code email_code security_code token_code pass_code sms_mfa_code \
             software_token_mfa_code authenticator_code binding_code",
        ),
        (F::AnyCode, "code pin answer verification challenge_response"),
        (F::BackupCode, "backup_code recovery_code backup recovery scratch_code rescue_code"),
        (
            F::Factor,
            "method factor type channel factor_type mfa_type provider authenticator_type \
             challenge_type oob_channel challenge_name strategy",
        ),
        (
            F::Assertion,
            "assertion authenticator_data client_data_json attestation_object webauthn \
             public_key_credential authenticator_attachment",
        ),
        (
            F::Ticket,
            "mfa_token ticket mfa_ticket challenge_id state_token transaction_id flow_id \
             login_challenge challenge_token mfa_session pending_token two_factor_token \
             pre_auth_token temp_token mfa_pending_credential oob_code state_handle interaction_id \
             auth_request_id auth_req_id challenge partial_token preauth_token verification_id \
             mfa_challenge_id",
        ),
        (F::Session, "session_token session_id sessionid session sid jsessionid phpsessid"),
        (F::Access, "access_token auth_token id_token jwt bearer_token api_jwt subject_token id_token_hint"),
        (F::Refresh, "refresh_token refresh"),
        (F::Token, "token auth tk"),
        (
            F::Key,
            "api_key apikey app_key api_token access_key subscription_key private_token secret_key \
             api_secret x_api_key developer_key",
        ),
        (F::MaybeKey, "key secret hash apitoken"),
        (F::Signature, "sig signature x_amz_signature x_goog_signature hmac"),
        (F::SignedKeyId, "x_amz_credential x_goog_credential awsaccesskeyid googleaccessid"),
        (F::ClientId, "client_id"),
        (F::ClientSecret, "client_secret client_assertion"),
        (F::GrantType, "grant_type"),
        (F::DeviceCode, "device_code"),
        (
            F::PageSize,
            "limit page_size per_page first count top $top size pagesize max_results take rows last",
        ),
        (
            F::Position,
            "page page_number page_no page_num page_index page[number] offset page[offset] skip $skip \
             start start_index startat first_result",
        ),
        (
            F::Cursor,
            "cursor after page[after] page[cursor] page_token next_token continuation \
             continuation_token marker start_after starting_after since_id last_id next_cursor \
             $skiptoken skip_token exclusive_start_key bookmark scroll_id",
        ),
        (F::Query, "query"),
    ]
};

/// What a key of an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    Access,
    IdToken,
    Refresh,
    Session,
    Ticket,
    DeviceCode,
    /// `token`, `key`: a token at login, a key where keys are made.
    Token,
    Key,
    Email,
    UserName,
    UserId,
    /// The account's object.
    User,
    /// Codes and words that say what went wrong.
    Reason,
    /// `success`, `valid`: false denies.
    Verdict,
    /// GraphQL's and allauth's list of errors.
    Errors,
    /// True: a second factor is asked for.
    NeedsMfa,
    /// True: the account has a second factor.
    HasMfa,
    /// allauth's list of possible next steps.
    Flows,
    FlowId,
    Pending,
    Factor,
    UnusedCodes,
    /// How many backup codes are left.
    CodesLeft,
    TotpSecret,
    ClientSecret,
}

pub(crate) const ANSWERS: &[(Answered, &str)] = {
    use Answered as A;
    &[
        (A::Access, "access_token auth_token jwt bearer_token access session_jwt"),
        (A::IdToken, "id_token"),
        (A::Refresh, "refresh_token refresh"),
        (A::Session, "session_token session_id sessionid session"),
        (
            A::Ticket,
            "mfa_token mfa_ticket ticket challenge_id state_token transaction_id flow_id \
             challenge_token pending_token two_factor_token pre_auth_token temp_token \
             mfa_pending_credential oob_code state_handle auth_req_id partial_token preauth_token \
             mfa_session verification_id mfa_challenge_id",
        ),
        (A::DeviceCode, "device_code"),
        (A::Token, "token key value plaintext"),
        (
            A::Key,
            "api_key apikey secret_key api_token private_key access_key secret_access_key \
             plain_text_token registration_access_token",
        ),
        (A::Email, "email email_address mail"),
        (A::UserName, "username user_name login preferred_username"),
        (A::UserId, "id user_id userid uid sub pk local_id"),
        (A::User, "user account profile me viewer current_user owner"),
        (
            A::Reason,
            "error code error_code errorcode errcode errno error_description status detail message reason \
             non_field_errors title challenge_name error_summary type __type result msg next",
        ),
        (A::Verdict, "success valid ok verified authenticated is_valid approved match matched"),
        (A::Errors, "errors"),
        (
            A::NeedsMfa,
            "mfa_required otp_required two_factor_required requires_mfa requires_2fa \
             requires_two_factor mfa_needed require_otp needs_mfa require_mfa \
             two_factor_auth_required requires_otp twofactor_required second_factor_required",
        ),
        (
            A::HasMfa,
            "mfa_enabled two_factor_enabled otp_enabled is_mfa_enabled totp_enabled has_mfa \
             two_factor is_2fa_enabled",
        ),
        (A::Flows, "flows"),
        (A::FlowId, "flow"),
        (A::Pending, "is_pending"),
        (
            A::Factor,
            "method factor_type mfa_type factor types methods challenge_type oob_channel \
             authenticator_type provider",
        ),
        (A::UnusedCodes, "unused_codes recovery_codes backup_codes scratch_codes"),
        (
            A::CodesLeft,
            "unused_code_count codes_left remaining_codes codes_remaining remaining backup_codes_left \
             backup_codes_remaining recovery_codes_left recovery_codes_remaining",
        ),
        (
            A::TotpSecret,
            "secret totp_url otpauth_url provisioning_uri otpauth shared_secret qr_code barcode_uri",
        ),
        (A::ClientSecret, "client_secret"),
    ]
};

/// What words name factors: letters and digits only.
pub(crate) const FACTORS: &[(Factor, &str)] = &[
    (
        Factor::Totp,
        "totp authenticator authenticatorapp tokensoftwaretotp softwaretokenmfa googleauthenticator app",
    ),
    (Factor::Hotp, "hotp tokenhotp"),
    (Factor::Sms, "sms smsmfa text smsotp"),
    (Factor::Email, "email emailotp emailcode mail"),
    (Factor::Voice, "call voice phonecall"),
    (Factor::Push, "push pushnotification oktaverify duopush"),
    (Factor::Webauthn, "webauthn fido fido2 u2f passkey securitykey"),
    (Factor::Backup, "recoverycodes recoverycode backup backupcode backupcodes recovery scratchcode"),
];
