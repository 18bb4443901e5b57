"""Tests that can't run where S3SYNC_TEST_ON sends the whole suite, and why: all others do.

    S3SYNC_TEST_ON=rgw-https .venv/bin/pytest -n 2          # what is written for moto, on Ceph's gateway over https
"""

from __future__ import annotations

import re

MOTOS_OWN = "wants what Ceph RGW 16 lacks (KMS, ownership, regions, owners without rights), or what moto alone does"
SIGNED = "changes requests on their way: a server that checks signatures says no"
STRANGER = "asks as a visitor or a plain program, which does not know the test certificate"
TRAILERS = "Ceph RGW refuses boto3's checksums over https (411): so the doctor finds, and save() fails"

ON_RGW = {
    MOTOS_OWN: """
        test_acls: test_a_server_that_fails_on_one_object
        test_bucket_facts: test_listing_without_owners test_moto
        test_checks_legacy: test_pasted_options_work test_pasted_text_works
        test_create_bucket: test_a_cdn_reads_once_its_distribution_is_named
            test_a_private_bucket_is_blocked_four_times
            test_a_public_bucket_is_open_under_one_prefix_only test_update_asks_on_a_terminal
            test_what_a_server_does_not_have_is_said_and_the_rest_done
        test_doctor: test_aws_settings_alone_and_what_is_spelt_wrong_in_them
        test_doctor_readers: test_a_cdn_that_everybody_can_go_around test_acls_alone_keep_public_and_private_apart
            test_an_acl_that_a_bucket_of_today_refuses test_an_acl_that_contradicts_the_addresses
            test_broken_told_and_mended_again_and_again
        test_doctor_way: test_addresses_that_live_too_long test_no_credentials test_two_storages_and_a_secret_between
        test_doctor_write: test_versions_that_may_not_be_listed
        test_equality: test_pushed_is_what_save_stores
        test_estimate: test_amazon_has_a_price
        test_everywhere: test_the_whole_round
        test_files_from: test_each_row_of_the_table
        test_pull_places: test_a_pull_asks_what_its_rehearsal_has_told
        test_unfinished: test_what_can_not_be_aborted_or_listed_is_told
        test_verify_acl: test_facts_that_decide_cost_a_handful_of_calls
    """,
    SIGNED: """
        test_conditions: test_409_teaches_nothing_about_etags test_the_form_of_if_match_is_learned_both_ways
        test_races: test_metadata_of_an_object_that_a_user_replaces test_the_window_in_which_a_user_may_lose
        test_targets: test_acl_is_checked_and_mended test_conditions_that_a_server_does_not_know
            test_etags_that_are_no_md5
    """,
}
OVER_HTTPS = {
    STRANGER: """
        test_browser: test_css_left_as_it_is_breaks_on_a_private_bucket test_font_needs_the_buckets_cors
            test_hashed_names_on_a_public_bucket test_inline_mends_a_private_bucket
            test_redirect_mends_a_private_bucket
        test_create_bucket: test_a_new_bucket_serves_the_whole_site test_a_storage_that_sends_acls_is_refused
            test_region
        test_fixtures: test_project_runs_manage_py
        test_least_privilege: test_each_right_is_needed_and_named test_large_file_needs_no_more_than_a_small_one
            test_parts_of_a_failed_upload_go_away test_parts_that_can_not_be_removed_are_told
        test_mend_acl: test_what_is_only_expected_changes_nothing
        test_probe: test_listings
        test_redirect: test_file_is_reached_through_the_view test_names_of_the_manifest
        test_verify_acl: test_a_custom_domain_is_asked_too test_a_url_of_ones_own_tells_the_intent
            test_every_object_as_a_stranger_gets_it test_fix_keeps_other_grants_and_can_be_undone
            test_private_media_with_one_public_picture test_public_grants_that_a_block_ignores_are_fine_and_latent
            test_static_files_that_nobody_reads
    """,
    TRAILERS: """
        test_checks_legacy: test_pasted_text_leads_to_the_next_hint
        test_cutover: test_a_class_of_ones_own_goes_on_deciding test_an_address_costs_one_head_at_most
            test_an_upload_to_both_places_falls_back_to_none test_commands_work_with_it_as_with_its_s3_side
            test_half_a_write_leaves_nothing_behind test_no_upload_takes_the_name_of_a_file_that_has_still_to_go
            test_of_two_uploads_at_once_the_later_stays test_one_can_switch_back test_the_old_place_may_be_anywhere
            test_threads_share_one_storage
        test_doctor: test_healthy_is_told_and_nothing_else test_one_storage_is_looked_at_beside_the_others
            test_trouble_comes_with_reason_and_remedy
        test_doctor_readers: test_a_bucket_whose_own_acl_is_open test_on_a_server_that_enforces
            test_what_may_not_be_read_is_unknown
        test_doctor_way: test_a_clock_that_is_a_little_off test_a_policy_that_refuses_http test_another_region
            test_no_bucket
        test_doctor_write: test_a_bucket_that_keeps_everything test_an_internal_host_and_a_storage_of_their_own
            test_rights
            test_what_can_not_be_deleted_is_named test_what_is_refused
        test_races: test_users_write_all_the_time
        test_static_push: test_clear_after_djangos_own_command_spares_the_running_site
    """,
}


def reasons(kind: str) -> dict[tuple[str, str], str]:
    """(module, test) -> why it can't run on a server of this kind."""
    tables = [ON_RGW] * kind.startswith("rgw") + [OVER_HTTPS] * (kind == "rgw-https")
    return {
        (module, test): reason
        for table in tables
        for reason, text in table.items()
        for module, tests in re.findall(r"(\w+):([^:]*)(?=\s\w+:|$)", text)
        for test in tests.split()
    }
