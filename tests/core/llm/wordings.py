# ruff: noqa: E501
"""Wordings of endpoints' refusals: by meaning, the HTTP status (0: under 200, or inside a stream) and the body.

A text stands for `{"error": {"message": text}}`. From the vendors' own documentation and from public reports.
"""

from __future__ import annotations

from typing import Any

from core.errors import Code

Wording = tuple[int, str | dict[str, Any] | list[Any]]


def coded(message: str, code: object = None, kind: object = None, **more: object) -> dict[str, Any]:
    return {"error": {"message": message, "code": code, "type": kind} | more}


# W is 8192 where a window is named, and the request had 9000 tokens.
OVERFLOW: list[Wording] = [
    (
        400,
        {
            "error": "The number of tokens to keep from the initial prompt is greater than the context length "
            "(n_keep: 9000>= n_ctx: 8192). Try to load the model with a larger context length, or provide a shorter input"
        },
    ),
    (
        400,
        {
            "error": "Trying to keep the first 9000 tokens when context the overflows. However, the model is loaded with "
            "context length of only 8192 tokens, which is not enough. Try to load the model with a larger context length"
        },
    ),
    (
        400,
        coded("Range of input length should be [1, 8192]", "invalid_parameter_error", "invalid_request_error"),
    ),
    (
        400,
        {
            "code": "InvalidParameter",
            "message": "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 8192]",
        },
    ),
    (
        400,
        {
            "code": "Client specified an invalid argument",
            "error": "This model's maximum prompt length is 8192 but the request contains 9000 tokens.",
        },
    ),
    (
        400,
        {
            "object": "error",
            "message": "The decoder prompt (length 9000) is longer than the maximum model length of 8192. Make sure that "
            "`max_model_len` is no smaller than the number of text tokens.",
            "code": 400,
        },
    ),
    (
        400,
        "Input length (9000) exceeds model's maximum context length (8192).",
    ),
    (400, "The input (9000 tokens) is longer than the model's context length (8192 tokens)."),
    (
        400,
        "Requested token count exceeds the model's maximum context length of 8192 tokens. You requested a total of 9000 "
        "tokens: 8000 tokens from the input messages and 1000 tokens for the completion.",
    ),
    (
        400,
        "This endpoint's maximum context length is 8192 tokens. However, you requested about 9000 tokens (8000 of text "
        'input, 1000 in the output). Please reduce the length of either one, or use the "middle-out" transform.',
    ),
    (400, "prompt is too long: 9000 tokens > 8192 maximum"),
    (400, "prompt is too long: 9,000 tokens > 8,192 maximum"),
    (
        400,
        "input length and `max_tokens` exceed context limit: 9000 + 1000 > 8192, decrease input length or `max_tokens` "
        "and try again",
    ),
    (
        400,
        coded(
            "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it",
            400,
            "exceed_context_size_error",
            n_prompt_tokens=9000,
            n_ctx=8192,
        ),
    ),
    (
        400,
        coded("Prompt exceeds max length", 400, "exceed_context_size_error", n_prompt_tokens=9000, n_ctx=8192),
    ),
    (
        422,
        {
            "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8192. Given: 9000 `inputs` "
            "tokens and 100 `max_new_tokens`",
            "error_type": "validation",
        },
    ),
    (422, {"error": "Input validation error: `inputs` must have less than 8192 tokens. Given: 9000"}),
    (
        400,
        "Prompt contains 9000 tokens and 0 draft tokens, too large for model with 8192 maximum context length",
    ),
    (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "The input token count (9000) exceeds the maximum number of tokens allowed (8192).",
                    "status": "INVALID_ARGUMENT",
                }
            }
        ],
    ),
    (400, "too many tokens: total number of tokens in the prompt cannot exceed 8192 - received 9000."),
    (400, coded("prompt token count of 9000 exceeds the limit of 8192", "model_max_prompt_tokens_exceeded")),
    (
        413,
        {
            "errors": [
                {
                    "message": "AiError: The estimated number of input and maximum output tokens (9000) exceeded this "
                    "model context window limit (8192).",
                    "code": 5021,
                }
            ],
            "success": False,
        },
    ),
    (400, "Invalid request: Your request exceeded model token limit: 8192 (requested: 9000)"),
    (
        400,
        {
            "code": 20015,
            "message": "length of prompt_tokens (9000) must be less than max_seq_len (8192).",
            "data": None,
        },
    ),
    (400, "The prompt is too long: 9000, model maximum context length: 8192"),
    (400, "Requested input length 9000 exceeds maximum input length 8192"),
    (
        500,
        {
            "error": {
                "code": 500,
                "message": "the request exceeds the available context size. n_ctx: 8192",
                "type": "server_error",
            }
        },
    ),
    (400, "输入长度超过模型最大上下文长度 8192，请缩短输入后重试"),
    (0, "输入 token 数 9000 超出了模型的上下文窗口上限 8192"),
    (503, "Your conversation is over the maximum context window of 8192 tokens"),
    (400, "Prompt has 9000 tokens, but the configured context size is 8192 tokens"),
    (400, "Input length 9000 exceeds the maximum allowed input length of 8192 tokens."),
    (400, "Number of input tokens (9000) has exceeded max_prompt_tokens (8192) limit."),
    (400, "最大上下文长度为8192个token，您的请求为9000个token"),
]
SPELT: list[tuple[int, Wording]] = [
    (32_000, (400, "This model's maximum context length is 32k tokens, however you requested 33k tokens")),
    (32_000, (422, "Context window is 32K. Your prompt is too long")),
    (128_000, (400, "prompt too long: context window of 128K tokens exceeded")),
    (8_192, (400, "Context length exceeded (9000/8192 tokens)")),
    (8_192, (413, "Prompt exceeds the context window: 9,000 / 8,192")),
    (8_192, (400, "The prompt has 9 000 tokens, the maximum context length is 8 192 tokens")),
    (8_192, (400, "The prompt has 9\u202f000 tokens, the maximum context length is 8\u202f192 tokens")),
    (8_000, (400, "prompt is too long: 9k > 8k maximum")),
    (8_000, (0, "Your input exceeds our 8k-token context window")),
    (1_000_000, (400, "Input is 1.2M tokens, the context window is 1M tokens")),
    (32_000, (400, "requested 40960 tokens but the context size is 32Ki")),
    (8_192, (400, "model gpt-4-32k: prompt too long, maximum context length is 8192 tokens")),
    (8_192, (400, "prompt tokens: 9000, max: 8192, context length exceeded")),
    (8_192, (400, "context overflow: 9000 of 8192 tokens used")),
    (8_192, (400, "requested 9000 tokens, 8192 available in the context window")),
    (8_192, (400, "Max context: 8192 tok. Yours: 9000 tok.")),
    (128_000, (400, "输入长度超出限制：最大 12.8万 token")),
    (32_000, (400, "最大上下文为 32k，当前请求 33k")),
    (8_192, (400, coded("too long", "context_length_exceeded", max_context_length="8,192"))),
    (
        8_192,
        (400, coded("x", "context_length_exceeded", details={"max_input_tokens": 8192, "input_tokens": 9000})),
    ),
]
"""The same with windows in every spelling of a number."""
NO_WINDOW: list[tuple[Code, Wording]] = [
    (Code.SERVER_ERROR, (500, "CUDA out of memory while allocating a context of 32768 tokens")),
    (Code.RATE_LIMITED, (429, "Rate limit: 32k tokens per 1m, wait 5m")),
    (Code.NO_MODEL, (404, "The model moonshot-v1-32k does not exist")),
]
"""Numbers of tokens in refusals for another reason."""
OVERFLOW_WITHOUT_A_NUMBER: list[Wording] = [
    (
        400,
        coded("litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException - too much", "400"),
    ),
    (400, coded("Prompt 超长", "1261")),
    (400, coded("tokens 数量超限，请求失败", "1261")),
    (413, "prompt too long; exceeded max context length by 812 tokens"),
    (400, "Please reduce the length of the messages or completion."),
    (400, "The model returned the following errors: Input is too long for requested model."),
    (400, {"base_resp": {"status_code": 2013, "status_msg": "invalid params, context window exceeds limit"}}),
    (
        0,
        {
            "choices": None,
            "base_resp": {"status_code": 2013, "status_msg": "invalid params, context window exceeds limit"},
        },
    ),
    (400, "Context size has been exceeded."),
    (400, "Request has too many tokens"),
    (400, "Your request exceeds the model's maximum context. Please reduce your prompt or completion length."),
    (
        400,
        coded(
            "Provider returned error",
            400,
            metadata={"raw": '{"error":{"message":"no","type":"x","code":"context_length_exceeded"}}'},
        ),
    ),
    (400, {"error_code": 336103, "error_msg": "Prompt tokens too long"}),
    (400, "输入内容过长，请减少后重试"),
    (422, {"detail": "Conversation too long for this model"}),
    (0, "Your input exceeds the context window of this model. Please adjust your input and try again."),
    (400, "Input exceeds the max input characters, the max input characters is set by the model"),
]

TOO_LARGE: list[Wording] = [
    (
        429,
        coded(
            "Request too large for gpt-4o in organization org-x on tokens per min (TPM): Limit 8192, Requested 9000. The "
            "input or output tokens must be reduced in order to run successfully. Visit https://x.test to learn more.",
            "rate_limit_exceeded",
            "tokens",
        ),
    ),
    (
        413,
        coded(
            "Request too large for model `x` in organization `org` service tier `on_demand` on tokens per minute (TPM): "
            "Limit 8192, Requested 9000, please reduce your message size and try again.",
            "rate_limit_exceeded",
            "tokens",
        ),
    ),
    (413, coded("Request body too large for gpt-4o model. Max size: 8192 tokens.", "tokens_limit_reached")),
    (
        429,
        coded(
            "Rate limit reached on tokens per min (TPM): Limit 8192, Used 0, Requested 9000.",
            "rate_limit_exceeded",
        ),
    ),
    (413, coded("Request exceeds the maximum size", None, "request_too_large")),
    (413, "请求体过大"),
    (413, "<html><title>413 Request Entity Too Large</title></html>"),
    (
        429,
        "This request would exceed your organization's limit of 6,000 input tokens per minute on its own "
        "(9,000 tokens requested).",
    ),
    (429, "This request needs 9000 tokens but your tier allows 8000 tokens per minute"),
    (429, "Requested 9k tokens, over your TPM limit of 8k; a single request can't exceed it"),
    (429, "单次请求 token 数 9000 超过每分钟限额 6000"),
]

NO_MODEL: list[Wording] = [
    (
        404,
        coded(
            "The API deployment for this resource does not exist. If you created it just now, wait.",
            "DeploymentNotFound",
        ),
    ),
    (
        404,
        [
            {
                "error": {
                    "code": 404,
                    "message": "models/gemini-1.5-flash is not found for API version v1main, or is not supported for "
                    "generateContent. Call ListModels to see the list of available models and their supported methods.",
                    "status": "NOT_FOUND",
                }
            }
        ],
    ),
    (404, coded("model: claude-3-opus-2099", "not_found_error", "not_found_error")),
    (404, "model not loaded"),
    (
        404,
        coded(
            "Your account 1 has not activated the model x. Please activate the model service.", "ModelNotOpen"
        ),
    ),
    (404, "Your account has not activated the model x."),
    (
        400,
        coded("The request targeted an endpoint that is currently closed.", "InvalidEndpoint.ClosedEndpoint"),
    ),
    (401, "This model is only available to Pro users"),
    (
        404,
        "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use "
        "v1/completions?",
    ),
    (404, "This model is only supported in v1/responses and not in v1/chat/completions."),
    (
        400,
        coded(
            "The model `llama-3` has been decommissioned and is no longer supported.", "model_decommissioned"
        ),
    ),
    (400, "The model has been decommissioned and is no longer supported. Please refer to the docs"),
    (400, coded("The requested model is not supported.", "model_not_supported")),
    (400, "The requested model 'x/y' is not supported by any provider you have enabled."),
    (400, "不支持该模型"),
    (422, "foo is not a supported model"),
    (404, "模型 foo 已停止服务"),
    (400, "This endpoint does not serve model foo"),
    (503, "No available accounts support the requested model: x"),
    (503, coded("No available channel for model x under group default (distributor)", None, "new_api_error")),
    (404, {"error": 'model "llama3" not found, try pulling it first'}),
    (400, "No models loaded. Please load a model in the developer page or use the `lms load` command."),
    (400, coded("Invalid model: mistral-huge", "1500", "invalid_model")),
    (400, "The provided model identifier is invalid."),
    (403, "You don't have access to the model with the specified model ID."),
    (400, "gpt-9 is not a valid model ID"),
    (404, "No endpoints found for acme/gpt-9."),
    (404, "No allowed providers are available for the selected model."),
    (400, coded("Unknown model: gpt-9", "unknown_model")),
    (403, coded("No access to model: gpt-9", "no_access")),
    (400, {"code": 20012, "message": "Model does not exist. Please check it carefully.", "data": None}),
    (404, {"status": 404, "title": "Not Found", "detail": "Function '76f': Not found for account 'k2'"}),
    (
        410,
        {"status": 410, "title": "Gone", "detail": "The model 'x' has reached its end of life on 2026-01-01"},
    ),
    (
        404,
        coded(
            "Publisher Model `projects/p/models/x` was not found or your project does not have access to it.",
            404,
        ),
    ),
    (
        404,
        {
            "error": {
                "code": "InvalidEndpointOrModel.NotFound",
                "message": "The model or endpoint x does not exist or you do not have access to it.",
            }
        },
    ),
    (
        404,
        coded("Unable to access model x. Please visit https://x.test to view the list.", "model_not_available"),
    ),
    (404, "Model not found, inaccessible, and/or not deployed"),
    (400, coded("模型不存在，请检查模型代码。", "1211")),
    (403, {"error": {"message": "该令牌无权访问模型 gpt-9"}}),
    (400, "该模型已下线"),
    (400, {"errors": [{"message": "AiError: No such model @cf/x or task", "code": 5007}], "success": False}),
    (0, coded("The model `x` does not exist or you do not have access to it.", "model_not_found")),
    (0, "模型 x 不存在或未开通"),
    (
        404,
        {
            "error_code": "RESOURCE_DOES_NOT_EXIST",
            "message": "The given endpoint does not exist, please retry after checking the specified model and version deployment exists.",
        },
    ),
    (403, {"code": 30003, "message": "Model disabled"}),
    (403, "Access to this model is denied. Please subscribe to a plan that includes it."),
    (
        400,
        {
            "message": "Invocation of model ID anthropic.claude with on-demand throughput isn’t supported. Retry your "
            "request with the ID or ARN of an inference profile that contains this model."
        },
    ),
    (400, {"base_resp": {"status_code": 2061, "status_msg": "your current token plan not support model, M3"}}),
]

NO_MONEY: list[Wording] = [
    (
        429,
        {
            "code": "Some resource has been exhausted",
            "error": "Your team 1 has either used all available credits or reached its monthly spending limit. To "
            "continue making API requests, please purchase more credits or raise your spending limit.",
        },
    ),
    (500, {"type": "error", "error": {"type": "api_error", "message": "insufficient balance (1008)"}}),
    (
        429,
        coded("ExceededBudget: User=default over budget. Spend: 12.0, Budget: 10.0", "429", "budget_exceeded"),
    ),
    (429, "Budget has been exceeded! Current cost: 12.0, Max budget: 10.0"),
    (
        429,
        {
            "errors": [
                {
                    "message": "AiError: AiError: you have used up your daily free allocation of 10,000 neurons, please "
                    "upgrade to Cloudflare's Workers Paid plan if you would like to continue usage.",
                    "code": 4006,
                }
            ],
            "success": False,
        },
    ),
    (429, "您的账户余额已用完"),
    (429, "You have run out of free messages. Upgrade your plan."),
    (
        403,
        coded(
            "Your account org-x <ak-y> is not active, You have exceeded current quota, please check your account balance",
            None,
            "exceeded_current_quota_error",
        ),
    ),
    (403, coded("Key limit exceeded (total limit). Manage it using https://x.test/settings/keys", 403)),
    (
        400,
        coded(
            "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
            None,
            "invalid_request_error",
        ),
    ),
    (
        400,
        "Your credit balance is too low to access the API. Please go to Plans & Billing to upgrade or purchase credits.",
    ),
    (
        412,
        "Account x is suspended, possibly due to reaching the monthly spending limit or failure to pay past invoices.",
    ),
    (
        402,
        coded(
            "This request requires more credits, or fewer max_tokens. You requested up to 64000 tokens, but can only afford 3341.",
            402,
        ),
    ),
    (
        402,
        {"error": "You have exceeded your monthly included credits for Inference Providers. Subscribe to PRO."},
    ),
    (402, {"detail": "Cloud credits expired - Please contact NVIDIA representatives"}),
    (
        403,
        coded(
            "The free tier of the model has been exhausted. If you wish to continue access the model on a paid basis, "
            'please disable the "use free tier only" mode in the management console.',
            "AllocationQuota.FreeTierOnly",
        ),
    ),
    (
        400,
        {"code": "Arrearage", "message": "Access denied, please make sure your account is in good standing."},
    ),
    (403, coded("The request failed because your account has an overdue balance.", "AccountOverdueError")),
    (
        0,
        {
            "Response": {
                "Error": {"Code": "FailedOperation.ResourcePackExhausted", "Message": "资源包余量已用尽"},
                "RequestId": "x",
            }
        },
    ),
    (403, "This API method requires billing to be enabled. Please enable billing on project 1"),
    (429, "You are using a Trial key, which is limited to 1000 API calls / month. You can upgrade"),
    (429, "Monthly credit limit exceeded"),
    (403, {"code": 30001, "message": "Sorry, your account balance is insufficient", "data": None}),
    (200, {"choices": None, "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}),
    (0, "余额不足，请充值"),
    (0, coded("Insufficient credits", 402)),
    (500, "预扣费额度失败, 用户剩余额度: 0"),
    (503, "Out of credits. Please top up your account."),
    (429, "额度已用尽，请前往控制台充值"),
    (401, "该令牌额度已用尽"),
    (403, "套餐已到期，请续费"),
    (429, "Your wallet is empty"),
]

BAD_KEY: list[Wording] = [
    (
        200,
        {
            "id": "x",
            "choices": None,
            "base_resp": {"status_code": 1004, "status_msg": "login fail: Please carry the API secret key"},
        },
    ),
    (200, {"choices": None, "base_resp": {"status_code": 2049, "status_msg": "invalid api key"}}),
    (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "API key not valid. Please pass a valid API key.",
                    "status": "INVALID_ARGUMENT",
                    "details": [{"@type": "x/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
                }
            }
        ],
    ),
    (400, "API key not valid. Please pass a valid API key."),
    (400, "API key expired. Please renew the API key."),
    (403, "Invalid API key provided"),
    (403, "The provided access token has expired"),
    (401, {"detail": "Unauthorized"}),
    (401, "令牌状态不可用"),
    (0, coded("Incorrect API key provided", "invalid_api_key")),
    (0, coded("Authentication Fails (no such user)", "invalid_request_error", "authentication_error")),
    (400, "密钥无效，请检查后重试"),
    (
        0,
        {
            "Response": {
                "Error": {"Code": "AuthFailure.SecretIdNotFound", "Message": "The SecretId is not found"}
            }
        },
    ),
    (500, "Authentication failed: missing API key"),
    (500, coded("Authentication Error, Invalid proxy server token passed", "500", "auth_error")),
]

FORBIDDEN: list[Wording] = [
    (
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "User location is not supported for the API use.",
                    "status": "FAILED_PRECONDITION",
                }
            }
        ],
    ),
    (400, "This service is not available in your country"),
    (403, coded("Country, region, or territory not supported", "unsupported_country_region_territory")),
    (400, "This organization has been disabled."),
    (403, coded("Your IP address is not allowed", "ip_not_allowed")),
    (404, "Your account has been deactivated"),
    (400, "您所在的地区不支持使用本服务"),
    (451, "Unavailable For Legal Reasons"),
    (403, "Your access was terminated due to violation of our policies"),
    (400, "因合规要求，当前地区无法使用该服务"),
]

RATE_LIMITED: list[Wording] = [
    (401, {"success": False, "error": [{"code": 2009, "message": "Unauthorized"}], "name": "AiGatewayError"}),
    (200, {"choices": None, "base_resp": {"status_code": 1002, "status_msg": "rate limit exceeded(RPM)"}}),
    (401, "Too many requests, please slow down"),
    (403, coded("Rate limit exceeded", "rate_limit_exceeded")),
    (403, {"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 04:03:12."}),
    (400, coded("RPM limit reached for this key", None, "rate_limit_error")),
    (
        429,
        coded(
            "Rate limit reached on tokens per min (TPM): Limit 8192, Used 8000, Requested 500. Please try again in 3s.",
            "rate_limit_exceeded",
            "tokens",
        ),
    ),
    (
        429,
        "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
    ),
    (429, "You exceeded your current quota, please check your plan and billing details. Please retry in 7.5s."),
    (429, "Quota exceeded for metric: generate_content_requests, limit: 20 per minute"),
    (429, "Too many tokens, please wait before trying again."),
    (429, "Your account org <ak> request reached max concurrency: 1, please try again after 1 seconds"),
    (429, "usage limit exceeded, 5-hour usage limit reached, resets at 18:00"),
    (429, "This request would exceed your organization's rate limit of 30,000 input tokens per minute"),
    (503, coded("rate limit exceeded", 503)),
    (400, coded("您已达到每周使用上限，您的限额将在 2026-12-01 重置", "1310")),
    (0, "当前分组上游负载已饱和，请稍后再试；请求频率过高"),
    (0, coded("Resource has been exhausted (e.g. check quota).", 429, status="RESOURCE_EXHAUSTED")),
    (429, "每分钟请求次数超过限制，额度将在 30 秒后恢复"),
    (498, "Flex tier capacity exceeded"),
    (0, {"message": "Too many tokens, please wait before trying again."}),
    (0, coded("You exceeded your current requests list.", "limit_requests")),
]

SERVER_ERROR: list[Wording] = [
    (
        424,
        {
            "error": "Request failed during generation: Server error: CUDA out of memory",
            "error_type": "generation",
        },
    ),
    (400, "CUDA error: device-side assert triggered"),
    (400, coded("Provider returned error", 400, metadata={"provider_name": "x"})),
    (404, "upstream request timeout"),
    (422, {"error": "Internal server error"}),
    (400, "The model is currently overloaded. Please try again later."),
    (499, ""),
    (418, "upstream connect error or disconnect/reset before headers"),
    (503, "This model is temporarily unavailable, try again in a moment"),
    (503, "Loading model"),
    (400, "系统繁忙，请稍后再试"),
    (500, "model requires more system memory (10 GiB) than is available (4 GiB)"),
    (503, "Model x is currently loading"),
    (400, "EngineCore encountered an issue. See stack trace (above) for the root cause."),
]

WRONG_URL: list[Wording] = [
    (400, "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>"),
    (400, "<h2>Bad Request - Invalid Hostname</h2>"),
    (400, "Client sent an HTTP request to an HTTPS server."),
    (400, "Bad Request\nThis combination of host and port requires TLS."),
    (404, {"detail": "Not Found"}),
    (404, coded("Not Found", None, "not_found_error")),
    (404, coded("Resource not found", "404")),
    (404, "Cannot POST /v2/chat/completions"),
    (400, "You're speaking plain HTTP to an SSL-enabled server port."),
]

UNREACHABLE: list[Wording] = [
    (407, ""),
    (407, "Proxy Authentication Required"),
    (511, "<html>Log in to the network"),
]

POLICY: list[Wording] = [
    (400, "Content Exists Risk"),
    (400, coded("The request could not be processed", "InputTextRiskDetection")),
    (400, "Invalid prompt: your prompt was flagged as potentially violating our usage policy."),
    (0, {"choices": None, "base_resp": {"status_code": 1026, "status_msg": "input new_sensitive"}}),
    (
        400,
        coded(
            "The request failed because the input text may contain sensitive information.",
            "InputTextSensitiveContentDetected",
        ),
    ),
    (500, "输入内容违规，请修改后重试"),
    (400, "您的提问包含不安全内容"),
]

BAD_REQUEST: list[Wording] = [
    (400, "what?"),
    (400, coded("Invalid 'user': string too long.", "string_above_max_length", "invalid_request_error")),
    (422, {"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}),
    (418, "I'm a teapot"),
    (400, "`max_tokens` must be at least 1, got -200."),
    (400, "top_p must be less than 1"),
    (400, "tools are not supported by this model"),
    (400, "This model does not support function calling"),
    (400, "Unexpected token < in JSON at position 0"),
    (412, "precondition failed"),
]

# Said in other words, by the name of the code: what nobody has written down is understood too.
PARAPHRASES: dict[str, list[Wording]] = {
    "context_overflow": [
        (400, "You have exceeded the maximum context window for this model (32768 tokens)"),
        (422, "Context window exceeded: 9000/8192"),
        (500, "prompt (9000 tokens) does not fit into the context (8192 tokens)"),
        (400, "The conversation history is too large for the model"),
        (400, "Total tokens 9000 exceed model limit 8192"),
        (400, "total tokens of image and text exceed max message tokens"),
        (400, "The total length of the messages exceeds the maximum input length of 8192"),
        (400, "Token limit exceeded. Max: 8192, got: 9000"),
        (413, "Input exceeds model context window"),
        (400, "Your messages have 9000 tokens, which is more than the 8192 tokens this model supports"),
        (400, "This model supports at most 8192 tokens, but 9000 were given"),
        (400, "max_seq_len 8192 exceeded by request of 9000 tokens"),
        (400, "Prompt length 9000 exceeds 8192"),
        (400, "请求的 tokens 数 9000 超过模型支持的最大值 8192"),
        (400, "对话历史过长，超出模型上下文窗口"),
        (400, "输入 tokens 超过模型上限"),
        (400, "message too long for this model"),
        (400, "Request exceeds the model's token limit"),
        (400, "request exceeds context size"),
        (503, "context length exceeded"),
        (424, "Input is too long, maximum 8192 tokens"),
        (400, "The request was too long: 9000 tokens, limit 8192"),
        (400, "ValidationException: Input is too long for requested model"),
        (400, "Cannot truncate prompt with n_keep (9000) >= n_ctx (8192)"),
        (400, "number of input tokens (9000) has exceeded max_prompt_tokens (8192) limit."),
        (400, "The sum of prompt tokens and max_tokens exceeds the context length of 8192"),
        (400, "The input was too long for the model's context of 8k tokens"),
        (400, "InvalidParameter: Input length 9000 exceeds the maximum length 8192"),
    ],
    "no_model": [
        (400, "Model qwen-max does not exist"),
        (404, "The requested model could not be found"),
        (404, "deployment gpt4 is not found in resource"),
        (400, "model `x` is deprecated and can no longer be used"),
        (404, "unknown model 'x'"),
        (400, "Requested model is not available in your region"),
        (404, {"message": "model_not_found"}),
        (403, "You are not allowed to use this model"),
        (403, "Your API key does not have permission to use the model x"),
        (403, "Project does not have access to model gpt-5"),
        (503, "no available providers for model x"),
        (503, "No healthy deployments available for model x"),
        (400, "x has been retired. Please switch to y."),
        (404, "The model has been removed"),
        (400, "模型名称错误"),
        (400, "未找到模型 x"),
        (404, "请求的模型未部署"),
        (400, "该模型暂不支持"),
        (503, "该分组下没有可用的模型渠道"),
        (400, "Model is not supported: x"),
        (500, "model x price not configured"),
        (404, "Base model x not found"),
        (404, "could not find real modelID for x"),
        (422, "Model 'x' is not in the list of allowed models"),
        (400, "model x is not enabled for your account"),
        (404, "no model named x"),
        (400, "key not allowed to access model. This key can only access models=['a']. Tried to access x"),
        (401, "key not allowed to access model"),
        (404, "model x is offline"),
        (400, "x is a base model and does not support chat completions"),
        (404, "The model `x` was discontinued"),
    ],
    "no_money": [
        (429, "You have run out of credits"),
        (403, "Your subscription has expired, please renew"),
        (400, "Your account has insufficient funds to perform this request"),
        (403, "Quota exhausted for this month. Please upgrade"),
        (500, "user balance is not enough"),
        (429, "Free credits used up"),
        (429, "You've reached your monthly quota"),
        (403, "Account in arrears"),
        (402, "anything"),
        (400, "wallet balance too low"),
        (429, "Your prepaid credits are depleted. Please go to billing"),
        (429, "Your plan's usage limit has been reached for this billing period"),
        (403, "billing account disabled"),
        (503, "budget limit reached for key"),
        (400, "余额不足"),
        (429, "您的免费额度已耗尽"),
        (403, "账户欠费停服"),
        (500, "令牌额度不足"),
        (403, "当前账户可用额度为 0"),
        (429, "本月额度已用完"),
        (401, "No credits remaining"),
        (0, "credit balance exhausted"),
        (400, "Organization spending cap reached"),
        (403, "Sorry, you have no remaining quota"),
        (429, "insufficient tokens: your token balance is 0"),
        (403, "Please add a payment method"),
        (429, "The account's spend limit was reached"),
        (403, "Your trial has ended"),
    ],
    "bad_key": [
        (400, "Invalid token"),
        (403, "The API key you provided is not valid"),
        (400, "Your API key has been revoked"),
        (401, "x"),
        (400, "Missing Authorization header"),
        (403, "无效的 API Key"),
        (400, "api_key is incorrect"),
        (0, "Invalid credentials"),
        (400, "Api key is not found"),
        (500, "invalid access token"),
        (400, "token 已过期"),
        (403, "Token expired"),
        (400, "身份认证失败"),
    ],
    "server_error": [
        (400, "CUDA out of memory"),
        (422, "Internal Server Error"),
        (400, "EngineDeadError: the engine loop died"),
        (404, "upstream error: connection refused"),
        (424, ""),
        (400, "Service temporarily unavailable"),
        (400, "generation failed due to internal error"),
        (400, "backend timeout"),
        (400, "worker crashed"),
        (424, {"message": "Failed Dependency"}),
        (400, "服务器内部错误"),
        (400, "The server is busy, please try again"),
        (400, "An error occurred while processing your request. You can retry"),
        (503, "No healthy upstream"),
        (500, "The model produced invalid output"),
        (503, "model is warming up"),
        (503, "Server overloaded"),
        (400, "Model is busy"),
    ],
    "forbidden": [
        (400, "not available in your region"),
        (403, "x"),
        (400, "Access from your country is not permitted"),
        (400, "IP 203.0.113.5 is not in the allowlist"),
        (400, "Your account has been banned"),
        (400, "账号已被禁用"),
        (400, "当前地区暂不提供服务"),
    ],
    "rate_limited": [
        (401, "rate limit exceeded"),
        (403, "Too many requests"),
        (400, "Rate limited"),
        (500, "request was throttled"),
        (429, "x"),
        (401, {"error": {"code": "rate_limit_exceeded", "message": "Unauthorized"}}),
        (403, "请求过于频繁"),
        (400, "TPM 超限"),
        (503, "Too many concurrent requests"),
        (429, "Daily request limit reached, try again in 3h2m24s"),
        (429, "TPM limit exceeded"),
        (0, {"code": 429, "message": "busy"}),
        (429, "Usage limit reached. Try again in 2 hours."),
        (
            401,
            {"success": False, "error": [{"code": 2009, "message": "Unauthorized"}], "name": "AiGatewayError"},
        ),
    ],
    "wrong_url": [
        (400, "<html>400 Bad Request</html>"),
        (404, "404 page not found\n"),
        (404, ""),
        (404, {"detail": "Not Found"}),
        (404, "Invalid URL (POST /v1/chat/completions/chat/completions)"),
        (400, "The plain HTTP request was sent to HTTPS port"),
        (404, {"error": {"message": "Route /chat/completions not found"}}),
    ],
    "bad_request": [
        (400, "Invalid value for 'n'"),
        (400, "'messages' must not be empty"),
        (422, "value is not a valid dict"),
        (400, "unsupported parameter"),
        (400, "top_k is not supported"),
        (400, "logprobs are not supported by this model"),
        (400, "model output must be json"),
        (406, "not acceptable"),
    ],
    "policy": [
        (400, "Your request was blocked by our content policy"),
        (400, "The prompt violates our usage policies"),
        (400, "内容包含敏感词"),
        (403, "request blocked by moderation"),
        (400, "输入可能包含不当内容"),
    ],
    "server_error, though other words are in it": [
        (500, "invalid response from model"),
        (500, "The model did not return a valid response"),
        (500, "no response from the model"),
        (503, "no healthy upstream"),
        (
            500,
            "The server had an error while processing your request. Sorry about that! You can retry your request, or contact us through our help center",
        ),
        (502, "Bad gateway: credits to nginx"),
        (500, "model crashed while generating"),
        (500, "Error: unknown error from model backend"),
        (500, "invalid json returned by the model"),
        (529, "Overloaded"),
        (500, "no tokens left in pool"),
        (500, "context deadline exceeded"),
        (500, "rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
        (503, "context canceled"),
        (500, "request context exceeded its deadline"),
    ],
}
