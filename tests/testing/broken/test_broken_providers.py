"""Each deliberately broken provider is caught by the law that names what is broken, and the right ones by none."""

from __future__ import annotations

import inspect

import broken_calls as calls
import broken_streams as streams
import pytest
from meddled import Meddled

from voicechatengine.testing import check_provider, mock_subject

CAUGHT = {
    # events
    streams.DropsAChunk: "audio_arrives_whole",
    streams.LosesTheFirstWord: "words_arrive_whole",
    streams.SaysTheWholeOnceMore: "words_arrive_whole",
    streams.SpeaksAfterTheEnd: "a_reply_obeys_the_grammar",
    streams.EndsTwice: "a_reply_obeys_the_grammar",
    streams.NeverBegins: "a_reply_obeys_the_grammar",
    streams.ForgetsTheEndOfTheInterrupted: "interrupt_stops_the_reply",
    streams.SpeaksOnAfterAnInterruption: "interrupt_stops_the_reply",
    streams.CallsAnInterruptionCompleted: "interrupt_stops_the_reply",
    streams.TellsAnInterruptionTwice: "interrupt_twice_equals_once",
    streams.CountsByTheWallClock: "interrupted_says_what_was_generated",
    streams.HasNoItemIds: "ids_are_on_everything",
    streams.OneItemForAll: "ids_are_on_everything",
    streams.AnnouncesTwice: "items_are_announced_once",
    streams.AnnouncesLate: "items_are_announced_once",
    streams.MixesTwoClocks: "events_are_well_formed",
    streams.ForgetsTheSession: "events_are_well_formed",
    streams.MislabelsItsEvents: "events_are_well_formed",
    streams.CutsSamplesInTwo: "audio_is_whole_samples",
    streams.IsSilent: "audio_is_whole_samples",
    streams.CallsWrittenWordsSpoken: "written_words_are_not_spoken",
    streams.CallsSpokenWordsWritten: "transcription_is_claimed_truly",
    streams.HidesTheFormat: "output_formats_are_the_truth",
    streams.LosesItsUsage: "usage_is_claimed_truly",
    streams.CallsAToolTwice: "a_call_is_told_once",
    streams.MakesUpArguments: "broken_arguments_are_told",
    streams.GivesCallsOneId: "two_calls_are_two",
    streams.DoesNotCountItsCalls: "a_call_is_told_once",
    streams.HidesItsReconnecting: "a_lost_line_is_told",
    streams.LeavesALostReplyOpen: "a_lost_line_is_told",
    streams.SwallowsAFailure: "a_failed_reply_ends",
    streams.ForgetsToTellUpdates: "updates_are_told_and_applied",
    streams.HasNoSessionId: "connecting_is_told",
    streams.TellsNoStates: "connecting_is_told",
    streams.LosesTheUsersWords: "speech_is_a_turn",
    streams.ComplainsWhenIdle: "interrupt_while_idle_is_harmless",
    # subscriptions and handlers
    streams.SubscribesLate: "events_subscribe_at_the_call",
    streams.LosesEarlyEvents: "early_events_are_kept",
    streams.LosesEventsBetweenLoops: "events_between_two_loops_are_kept",
    streams.OneQueueForAll: "subscriptions_agree",
    streams.CutsItsReadersOff: "events_outlive_the_session",
    streams.NeverEndsItsStreams: "events_outlive_the_session",
    streams.CannotBeClosed: "aclose_ends_one_subscription",
    streams.HoldsDroppedReaders: "a_dropped_subscription_is_forgotten",
    streams.LosesWhatACancelledReaderTook: "a_cancelled_reader_loses_nothing",
    streams.StopsAtARaisingHandler: "a_raising_handler_stops_nothing",
    streams.SwallowsAHandlersError: "a_raising_handler_stops_nothing",
    streams.CallsHandlersAtOnce: "handlers_are_called_in_order",
    streams.HasNoBound: "a_slow_reader_is_told_and_bounded",
    streams.DropsInSilence: "a_slow_reader_is_told_and_bounded",
    streams.OneHubForAll: "two_providers_are_two",
    # life cycle
    calls.ConnectsWithoutAnAnswer: "connect_opens_a_session",
    calls.ConnectsAgain: "connect_twice_is_one_session",
    calls.IsAlwaysConnected: "connect_opens_a_session",
    calls.DisconnectsOnce: "disconnect_is_idempotent",
    calls.HidesARefusal: "refusal_raises_and_can_be_tried_again",
    calls.RaisesItsOwnError: "refusal_raises_and_can_be_tried_again",
    calls.StaysDeadAfterDisconnect: "a_second_session_is_like_the_first",
    calls.WaitsForTheReplyToEnd: "disconnect_is_quick",
    calls.SaysGoodbyeForever: "disconnect_while_connecting",
    # tasks and cancellation
    calls.KeepsATask: "disconnect_leaves_no_task",
    calls.KeepsATaskAfterAReply: "disconnect_in_a_reply_leaves_no_task",
    calls.KeepsATaskOfAFailure: "a_failed_connect_leaves_no_task",
    calls.SwallowsCancellation: "cancellation_is_not_swallowed",
    calls.LeavesACancelledConnectOpen: "a_cancelled_connect_leaves_nothing_open",
    calls.DoesNotCloseWhenCancelled: "a_cancelled_disconnect_has_closed",
    calls.SendsInTwoParts: "a_cancelled_send_is_whole_or_unsent",
    calls.SendsAudioInTwoParts: "cancelled_audio_is_whole_or_unsent",
    calls.RetriesWhatWasCancelled: "a_cancelled_send_is_whole_or_unsent",
    calls.BlocksTheLoop: "the_event_loop_is_not_blocked",
    # sending
    calls.SwallowsMistakes: "what_does_not_fit_is_refused",
    calls.NamesNoField: "what_does_not_fit_is_refused",
    calls.SendsBeforeItChecks: "what_does_not_fit_is_refused",
    calls.TakesOddAudio: "odd_audio_is_refused",
    calls.LosesTheEndOfAudio: "audio_reaches_the_vendor_whole",
    calls.KeepsQuietWhenClosed: "sending_needs_a_session",
    calls.AnswersByItself: "text_asks_for_no_reply",
    calls.LosesUmlauts: "text_reaches_the_vendor_once",
    calls.SendsTextTwice: "text_reaches_the_vendor_once",
    calls.LosesWhatComesAtOnce: "sends_at_once_all_arrive",
    calls.DropsWhileReconnecting: "sends_are_held_while_reconnecting",
    calls.RaisesWhileReconnecting: "sends_are_held_while_reconnecting",
    calls.KnowsNoMappings: "the_general_channel_equals_the_named_methods",
    calls.ClearsTheTableFirst: "several_connects_are_one",
    calls.RaisesAnyErrorInARace: "disconnect_while_others_send",
    # interruption
    calls.IgnoresInterrupt: "interrupt_stops_the_reply",
    calls.InterruptsLate: "interrupt_works_at_once",
    calls.CancelsTheNextReply: "interrupt_while_idle_is_harmless",
    calls.LosesTheReplyBehindAnInterruption: "the_reply_behind_an_interruption_is_whole",
    calls.TruncatesPastTheEnd: "truncation_is_accepted_anywhere",
    calls.RefusesToForgetAll: "truncation_is_accepted_anywhere",
    calls.RemembersWhatNobodyHeard: "what_was_not_heard_is_forgotten",
    calls.LetsTheUserTalkInVain: "speech_interrupts",
    calls.HearsNoTurns: "speech_is_a_turn",
    # capabilities and options
    calls.LiesAboutPictures: "what_is_claimed_works",
    calls.HidesPictures: "what_is_not_claimed_is_refused",
    calls.HidesTools: "tools_are_claimed_truly",
    calls.HidesHistory: "history_is_claimed_truly",
    calls.ForgetsTheHistory: "history_is_claimed_truly",
    calls.InventsACapability: "capabilities_are_well_formed",
    calls.LiesAboutUpdates: "session_update_names_the_truth",
    calls.HidesAnUpdate: "session_update_names_the_truth",
    calls.LiesAboutItsFormat: "formats_are_the_truth",
    calls.TakesAnyTurnDetection: "turn_detection_is_the_truth",
    calls.DropsUnknownOptions: "wrong_options_are_refused",
    calls.DropsInstructions: "updates_are_told_and_applied",
    calls.AppliesBeforeItChecks: "a_refused_update_changes_nothing",
    calls.RecreatesAnOpenSession: "session_create_is_for_before_connect",
    calls.SpeaksWhenAskedToWrite: "written_words_are_not_spoken",
    calls.AddsWhatIsOutOfBand: "out_of_band_is_claimed_truly",
    calls.SendsAResultTwice: "a_result_reaches_the_vendor",
    calls.LosesAResult: "a_result_reaches_the_vendor",
    calls.SaysNothingOfACure: "errors_say_what_to_do",
    calls.ShowsItsKey: "the_key_is_shown_nowhere",
}


@pytest.mark.parametrize(("broken", "law"), CAUGHT.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_a_broken_provider_is_caught_by_the_law_that_names_it(broken, law):
    def factory():
        provider = broken()
        return provider, provider.far

    report = check_provider(factory, laws=[law], secret=calls.ShowsItsKey.key)
    assert report[law].outcome == "failed", report[law]
    assert report[law].why.startswith("expected: ")
    assert report[law].exchange


def test_every_broken_provider_is_in_the_table():
    found = {
        kind
        for module in (calls, streams)
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, Meddled) and kind is not Meddled
    }
    assert found == set(CAUGHT)


def test_a_provider_that_only_passes_things_on_is_caught_by_none():
    def factory():
        provider = Meddled()
        return provider, provider.far

    report = check_provider(factory, secret="sk-nowhere-to-be-seen")
    assert report.passed, str(report)


def test_the_mock_is_caught_by_none():
    report = check_provider(mock_subject)
    assert report.passed, str(report)
